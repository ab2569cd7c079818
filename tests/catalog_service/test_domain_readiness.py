"""The readiness gate's checks, each alone and all together, and what is only warned of."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from catalog_service.domain import readiness
from catalog_service.domain.readiness import Check, OfferingFacts, OfferingNotReady, PricePlan, ServiceFacts, UnitCost
from catalog_service.domain.service import ServiceState

NOW = datetime(2026, 11, 15, tzinfo=UTC)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
SERVICE, OFFERING = UUID(int=1), UUID(int=2)
COST = UnitCost(Decimal("22.5"), "USD", "2026-10")


def charge(price: str, recurring: str = "year", model: str = "per_unit") -> dict[str, Any]:
    return {"key": "server", "recurring": recurring, "model": model, "unit_price": price}


def plan(price: str = "270", *, starts: datetime = NOW, for_all: bool = True, currency: str = "USD") -> PricePlan:
    return PricePlan(currency, starts, [charge(price)], for_all)


def service(**changes: Any) -> ServiceFacts:
    complete: dict[str, Any] = {
        "id": SERVICE,
        "state": ServiceState.PUBLISHED,
        "owner": True,
        "support_contact": True,
        "costs": [COST],
    }
    return ServiceFacts(**complete | changes)


def offering(**changes: Any) -> OfferingFacts:
    complete: dict[str, Any] = {
        "id": OFFERING,
        "description": "One core, one gigabyte.",
        "tier": True,
        "commitments": 1,
        "request_form": True,
        "fulfilment": 2,
        "audience": True,
        "prices": [plan()],
        "announced": [],
    }
    return OfferingFacts(**complete | changes)


SERVICE_GAPS: list[tuple[dict[str, Any], Check, str, str]] = [
    ({"state": ServiceState.DRAFT}, Check.SERVICE, "/service_id", "is draft: evaluate it, then publish its first"),
    ({"state": ServiceState.UNDER_EVALUATION}, Check.SERVICE, "/service_id", "under_evaluation: publish its first"),
    ({"state": ServiceState.PENDING_RETIREMENT}, Check.SERVICE, "/service_id", "nothing new can be offered of it"),
    ({"owner": False}, Check.OWNER, "/service/owner_id", f"PATCH /v1/services/{SERVICE} with owner_id"),
    ({"support_contact": False}, Check.SUPPORT_CONTACT, "/service/support_contact", "with support_contact"),
    ({"costs": []}, Check.UNIT_COST, "/service/unit_cost", f"PUT /v1/service-plans with service_id {SERVICE}"),
]
OFFERING_GAPS: list[tuple[dict[str, Any], Check, str, str]] = [
    ({"description": " \n"}, Check.DESCRIPTION, "/description", f"PATCH /v1/offerings/{OFFERING} with description"),
    ({"tier": False}, Check.TIER, "/tier", "with tier"),
    ({"commitments": 0}, Check.COMMITMENTS, "/commitments", "with commitments"),
    ({"request_form": False}, Check.REQUEST_FORM, "/request_form", "with request_form"),
    ({"fulfilment": 0}, Check.FULFILMENT, "/fulfilment", "with fulfilment"),
    ({"audience": False}, Check.AUDIENCE, "/audience", "with audience"),
    ({"prices": []}, Check.PRICE_PLAN, "/price_plan", f"POST /v1/price-plans with offering_id {OFFERING}"),
]


def test_what_is_complete_lacks_nothing() -> None:
    assert readiness.missing(service(), offering()) == ()
    readiness.require_ready(service(), offering())


@pytest.mark.parametrize(("change", "check", "pointer", "words"), SERVICE_GAPS + OFFERING_GAPS)
def test_each_single_gap_is_named(change: dict[str, Any], check: Check, pointer: str, words: str) -> None:
    of_service = change.keys() <= {"state", "owner", "support_contact", "costs"}
    facts = (service(**change), offering()) if of_service else (service(), offering(**change))
    (gap,) = readiness.missing(*facts)
    assert (gap.check, gap.pointer) == (check, pointer)
    assert words in gap.message
    with pytest.raises(OfferingNotReady, match="1 missing") as refused:
        readiness.require_ready(*facts)
    assert [(fault.pointer, fault.message) for fault in refused.value.faults] == [(pointer, gap.message)]


def test_all_gaps_are_listed_at_once() -> None:
    nothing = service(state=ServiceState.DRAFT, owner=False, support_contact=False, costs=[])
    empty = OfferingFacts(OFFERING, "", tier=False, commitments=0, request_form=False, fulfilment=0, audience=False,
                          prices=[], announced=[])  # fmt: skip
    gaps = readiness.missing(nothing, empty)
    assert [gap.check for gap in gaps] == list(Check)
    assert len({gap.pointer for gap in gaps}) == len(Check)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"prices": [plan(starts=LATER)]}, ["no price counts yet: the first one does from 2026-12-01T00:00:00Z on"]),
        ({"prices": [], "announced": [LATER]}, ["no price counts yet"]),
        ({"prices": [plan(), plan(starts=LATER)]}, []),
        ({"prices": [plan(for_all=False)]}, ["every price plan is for some business units alone"]),
        (
            {"prices": [plan("269.99")]},
            ["below the unit cost: 269.99 USD a year against 22.5 a month (2026-10)"],
        ),
        ({"prices": [plan("270"), plan("100", starts=LATER)]}, []),
        ({"prices": [plan("100", currency="EUR")]}, []),
        ({"strange_units": ["u1"]}, ["business units that are not known: u1"]),
        ({"charge_keys": ["disk"]}, ["options name charges that no price plan has: disk"]),
    ],
)
def test_what_is_only_warned_of(change: dict[str, Any], words: list[str]) -> None:
    found = readiness.warnings(service(), offering(**change), NOW)
    assert len(found) == len(words)
    assert all(told in finding.message for told, finding in zip(words, found, strict=True))
    assert readiness.missing(service(), offering(**change)) == ()


def test_a_price_is_held_against_the_actual_cost_before_the_planned_one() -> None:
    planned = UnitCost(Decimal("30.0000000000"), "USD", "planned for 2026-11")
    assert readiness.warnings(service(costs=[COST, planned]), offering(), NOW) == ()
    (warning,) = readiness.warnings(service(costs=[planned]), offering(), NOW)
    assert warning.message.endswith("270 USD a year against 30 a month (planned for 2026-11)")


@pytest.mark.parametrize(
    ("charges", "annual"),
    [
        ([charge("270")], "270"),
        ([charge("5.00", "month"), charge("2.5", "quarter"), charge("100", "one_off")], "70"),
        ([charge("45", "month"), charge("0.24", "usage")], None),
        ([charge("1", model="graduated")], None),
        ([{"key": "cost", "recurring": "month", "model": "cost_plus", "markup": "5"}], None),
        ([charge("many")], None),
        ([charge("0")], None),
        ([charge("100", "one_off")], None),
        ([], None),
    ],
)
def test_what_one_costs_in_a_year(charges: list[dict[str, Any]], annual: str | None) -> None:
    assert readiness.annual_price(charges) == (None if annual is None else Decimal(annual))
