"""Journals: what a charge, or a credit, is booked on.

    one legal entity     debit   the consumer's cost centre       credit  IT's recovery account       (per service)

    two legal entities   IT's:   debit intercompany receivable    credit  recovery, output tax
                         theirs: debit cost centre, input tax     credit  intercompany payable

Amounts are positive; what is below zero changes sides. Debits equal credits per legal entity, and so in total.
Tax is reckoned on all that is charged so far and taken off what was reckoned before, so that crediting a
statement in any number of parts leaves no tax standing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.errors import Conflict, Fault
from services.money import EXACT, exact_total, round_amount


class JournalMappingMissing(Conflict): ...


class Side(StrEnum):
    DEBIT = "debit"
    CREDIT = "credit"


class Purpose(StrEnum):
    CHARGE = "charge"
    RECOVERY = "recovery"
    RECEIVABLE = "receivable"
    PAYABLE = "payable"
    OUTPUT_TAX = "output_tax"
    INPUT_TAX = "input_tax"


NORMAL_SIDE: Mapping[Purpose, Side] = {
    Purpose.CHARGE: Side.DEBIT,
    Purpose.RECOVERY: Side.CREDIT,
    Purpose.RECEIVABLE: Side.DEBIT,
    Purpose.PAYABLE: Side.CREDIT,
    Purpose.OUTPUT_TAX: Side.CREDIT,
    Purpose.INPUT_TAX: Side.DEBIT,
}


@dataclass(frozen=True, slots=True)
class Tax:
    code: str
    rate: Decimal  # percent of the net amount
    output_account: str
    input_account: str


@dataclass(frozen=True, slots=True)
class Intercompany:
    receivable_account: str
    payable_account: str
    tax: Tax | None


@dataclass(frozen=True, slots=True)
class Accounts:
    """What a statement's amounts are booked on; `intercompany` exactly where the legal entities differ."""

    consumer_entity: str
    consumer_cost_centre: str
    charge_account: str
    provider_entity: str
    provider_cost_centre: str
    recovery_account: str
    tax_code: str | None  # the business unit's own, shown on its charge
    intercompany: Intercompany | None


@dataclass(frozen=True, slots=True)
class Entry:
    purpose: Purpose
    legal_entity: str
    account: str
    cost_centre: str | None
    side: Side
    amount: Decimal  # > 0
    service_id: UUID | None = None
    tax_code: str | None = None
    partner_entity: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The consumer's side as its billing profile has it in the period."""

    cost_centre: str | None
    legal_entity: str | None
    tax_code: str | None


@dataclass(frozen=True, slots=True)
class Provider:
    legal_entity: str
    cost_centre: str
    recovery_account: str
    charge_account: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Accounts between two legal entities; the first of `taxes` is the default."""

    receivable_account: str
    payable_account: str
    taxes: tuple[Tax, ...]


def accounts(profile: Profile | None, provider: Provider | None, pair: Pair | None, *, period: str) -> Accounts:
    """Raises JournalMappingMissing, which names everything that is still to be set for `period`."""
    missing: list[Fault] = []
    if provider is None:
        missing.append(Fault("billing-provider", f"set IT's side by PUT /v1/billing-provider from {period} or before"))
    wanted = {
        "cost_centre": None if profile is None else profile.cost_centre,
        "legal_entity": None if profile is None else profile.legal_entity,
    }
    missing += [
        Fault(f"billing-profile/{name}", f"set it by PUT /v1/billing-profiles from {period} or before")
        for name, value in wanted.items()
        if not value
    ]
    if profile is None or provider is None or not profile.cost_centre or not profile.legal_entity:
        raise _missing(missing, period)
    intercompany = None
    if profile.legal_entity != provider.legal_entity:
        intercompany = _intercompany(profile, provider, pair, period)
    return Accounts(
        consumer_entity=profile.legal_entity,
        consumer_cost_centre=profile.cost_centre,
        charge_account=provider.charge_account,
        provider_entity=provider.legal_entity,
        provider_cost_centre=provider.cost_centre,
        recovery_account=provider.recovery_account,
        tax_code=profile.tax_code,
        intercompany=intercompany,
    )


def _intercompany(profile: Profile, provider: Provider, pair: Pair | None, period: str) -> Intercompany:
    between = f"between {provider.legal_entity} and {profile.legal_entity}"
    if pair is None:
        how = f"set the accounts {between} by PUT /v1/intercompany-accounts from {period} or before"
        raise _missing([Fault("intercompany-accounts", how)], period)
    if profile.tax_code is None:
        tax = pair.taxes[0] if pair.taxes else None
    else:
        tax = next((each for each in pair.taxes if each.code == profile.tax_code), None)
        if tax is None:
            how = f"there is no tax code {profile.tax_code!r} {between}: add it by PUT /v1/intercompany-accounts"
            raise _missing([Fault("intercompany-accounts/taxes", how)], period)
    return Intercompany(pair.receivable_account, pair.payable_account, tax)


def _missing(faults: Sequence[Fault], period: str) -> JournalMappingMissing:
    names = ", ".join(fault.pointer for fault in faults)
    return JournalMappingMissing(f"nothing says what {period} is booked on: {names}", faults=faults)


def tax_on(net: Decimal, on: Accounts, currency: str, *, before: Decimal = Decimal(0)) -> Decimal:
    """The tax of `net` after `before` was taxed, so that the sum of both is rounded, and not each by itself."""
    tax = None if on.intercompany is None else on.intercompany.tax
    if tax is None:
        return Decimal(0)
    return EXACT.subtract(
        _rounded_tax(EXACT.add(before, net), tax.rate, currency), _rounded_tax(before, tax.rate, currency)
    )


def exact_tax(net: Decimal, rate: Decimal) -> Decimal:
    return EXACT.multiply(net, rate).scaleb(-2, context=EXACT)


def _rounded_tax(net: Decimal, rate: Decimal, currency: str) -> Decimal:
    return round_amount(exact_tax(net, rate), currency)


def entries(net_by_service: Mapping[UUID, Decimal], tax_amount: Decimal, on: Accounts) -> list[Entry]:
    """The lines of a journal over what each service charges (below zero: credits). Balanced per legal entity."""
    ours, theirs, between = on.provider_entity, on.consumer_entity, on.intercompany
    made: list[Entry | None] = []
    for service, amount in net_by_service.items():
        made += [
            _entry(Purpose.CHARGE, amount, theirs, on.charge_account, on.consumer_cost_centre, service, on.tax_code),
            _entry(Purpose.RECOVERY, amount, ours, on.recovery_account, on.provider_cost_centre, service),
        ]
    if between is not None and between.tax is not None:
        tax = between.tax
        made += [
            _entry(Purpose.INPUT_TAX, tax_amount, theirs, tax.input_account, tax_code=tax.code),
            _entry(Purpose.OUTPUT_TAX, tax_amount, ours, tax.output_account, tax_code=tax.code),
        ]
    if between is not None:
        gross = EXACT.add(exact_total(list(net_by_service.values())), tax_amount)
        made += [
            _entry(Purpose.RECEIVABLE, gross, ours, between.receivable_account, partner_entity=theirs),
            _entry(Purpose.PAYABLE, gross, theirs, between.payable_account, partner_entity=ours),
        ]
    lines = [entry for entry in made if entry is not None]
    unbalanced = {entity: sides for entity, sides in balances(lines).items() if sides[0] != sides[1]}
    assert not unbalanced, f"debits are not credits: {unbalanced}"
    return lines


def balances(lines: Sequence[Entry]) -> dict[str, tuple[Decimal, Decimal]]:
    """Debits and credits per legal entity."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for entry in lines:
        debits, credits = sums.get(entry.legal_entity, (Decimal(0), Decimal(0)))
        if entry.side is Side.DEBIT:
            debits = EXACT.add(debits, entry.amount)
        else:
            credits = EXACT.add(credits, entry.amount)
        sums[entry.legal_entity] = (debits, credits)
    return sums


def _entry(
    purpose: Purpose,
    amount: Decimal,
    legal_entity: str,
    account: str,
    cost_centre: str | None = None,
    service_id: UUID | None = None,
    tax_code: str | None = None,
    partner_entity: str | None = None,
) -> Entry | None:
    """None of nothing; an amount below zero stands on the other side."""
    if not amount:
        return None
    side = NORMAL_SIDE[purpose]
    if amount < 0:
        side, amount = (Side.CREDIT if side is Side.DEBIT else Side.DEBIT), amount.copy_negate()
    return Entry(purpose, legal_entity, account, cost_centre, side, amount, service_id, tax_code, partner_entity)
