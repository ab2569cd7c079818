"""Journals: they balance per legal entity, whatever is charged or credited; what is missing is named."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain import journal
from pricing_service.domain.journal import (
    NORMAL_SIDE,
    Accounts,
    Entry,
    Intercompany,
    JournalMappingMissing,
    Pair,
    Profile,
    Provider,
    Side,
    Tax,
    accounts,
    balances,
    entries,
    tax_on,
)
from services.money import exact_total

D = Decimal
VAT = Tax("VAT19", D(19), "1776", "1576")
PROVIDER = Provider("IT-AG", "CC-IT", "8400", "4980")
PROFILE = Profile("CC-4711", "IT-AG", None)
ABROAD = Profile("CC-9", "SALES-GMBH", None)
PAIR = Pair("1400", "1600", (VAT, Tax("VAT7", D(7), "1771", "1571")))

amounts = st.integers(-(10**10), 10**10).map(lambda n: D(n).scaleb(-2))
nets = st.dictionaries(st.integers(1, 9).map(lambda n: UUID(int=n)), amounts, max_size=6)
profiles = st.sampled_from([PROFILE, ABROAD, Profile("CC-9", "SALES-GMBH", "VAT7")])


def booked(net: dict[UUID, Decimal], on: Accounts) -> list[Entry]:
    return entries(net, tax_on(exact_total(list(net.values())), on, "USD"), on)


@given(nets, profiles)
def test_journals_balance_per_legal_entity(net: dict[UUID, Decimal], profile: Profile) -> None:
    on = accounts(profile, PROVIDER, PAIR, period="2026-11")
    lines = booked(net, on)
    assert all(line.amount > 0 for line in lines)
    for debits, credits in balances(lines).values():
        assert debits == credits
    charged = exact_total(
        [
            line.amount if line.side is NORMAL_SIDE[line.purpose] else -line.amount
            for line in lines
            if line.purpose == "charge"
        ]
    )
    assert charged == exact_total(list(net.values()))


@given(nets, profiles)
def test_a_credit_of_everything_is_the_journal_turned_around(net: dict[UUID, Decimal], profile: Profile) -> None:
    on = accounts(profile, PROVIDER, PAIR, period="2026-11")
    turned = booked({service: -amount for service, amount in net.items()}, on)
    other = {Side.DEBIT: Side.CREDIT, Side.CREDIT: Side.DEBIT}
    there = [(line.purpose, line.account, line.side, line.amount) for line in booked(net, on)]
    assert [(line.purpose, line.account, other[line.side], line.amount) for line in turned] == there


@given(st.lists(st.integers(1, 10**6).map(lambda n: D(n).scaleb(-2)), min_size=1, max_size=8))
def test_crediting_in_parts_leaves_no_tax_standing(parts: list[Decimal]) -> None:
    on = accounts(ABROAD, PROVIDER, PAIR, period="2026-11")
    charged = tax_on(exact_total(parts), on, "USD")
    before, credited = D(0), D(0)
    for part in parts:
        credited += tax_on(-part, on, "USD", before=before)
        before -= part
    assert charged + credited == 0


def test_within_one_entity_and_across_two() -> None:
    service = UUID(int=1)
    (charge, recovery) = booked({service: D("100.00")}, accounts(PROFILE, PROVIDER, None, period="2026-11"))
    assert (charge.side, charge.account, charge.cost_centre, charge.amount) == (
        Side.DEBIT,
        "4980",
        "CC-4711",
        D("100.00"),
    )
    assert (recovery.side, recovery.account, recovery.cost_centre) == (Side.CREDIT, "8400", "CC-IT")
    lines = booked({service: D("100.00")}, accounts(ABROAD, PROVIDER, PAIR, period="2026-11"))
    assert [(line.legal_entity, line.side, line.account, str(line.amount), line.tax_code) for line in lines] == [
        ("SALES-GMBH", "debit", "4980", "100.00", None),
        ("IT-AG", "credit", "8400", "100.00", None),
        ("SALES-GMBH", "debit", "1576", "19.00", "VAT19"),
        ("IT-AG", "credit", "1776", "19.00", "VAT19"),
        ("IT-AG", "debit", "1400", "119.00", None),
        ("SALES-GMBH", "credit", "1600", "119.00", None),
    ]
    assert booked({service: D(0)}, accounts(ABROAD, PROVIDER, PAIR, period="2026-11")) == []


def test_without_tax_codes_there_is_no_tax() -> None:
    on = accounts(ABROAD, PROVIDER, Pair("1400", "1600", ()), period="2026-11")
    assert on.intercompany == Intercompany("1400", "1600", None)
    assert [line.purpose for line in booked({UUID(int=1): D(1)}, on)] == ["charge", "recovery", "receivable", "payable"]


@pytest.mark.parametrize(
    ("profile", "provider", "pair", "missing"),
    [
        (None, None, None, ["billing-provider", "billing-profile/cost_centre", "billing-profile/legal_entity"]),
        (Profile(None, "IT-AG", None), PROVIDER, None, ["billing-profile/cost_centre"]),
        (ABROAD, PROVIDER, None, ["intercompany-accounts"]),
        (Profile("CC-9", "SALES-GMBH", "VAT0"), PROVIDER, PAIR, ["intercompany-accounts/taxes"]),
    ],
)
def test_what_is_missing_is_named(
    profile: Profile | None, provider: Provider | None, pair: Pair | None, missing: list[str]
) -> None:
    with pytest.raises(JournalMappingMissing) as refused:
        accounts(profile, provider, pair, period="2026-11")
    assert [fault.pointer for fault in refused.value.faults] == missing
    assert all("2026-11" in fault.message or "/taxes" in fault.pointer for fault in refused.value.faults)


def test_the_exact_tax_is_a_percentage() -> None:
    assert journal.exact_tax(D("33.33"), D("7.7")) == D("2.56641")
