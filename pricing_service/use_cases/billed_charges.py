"""Statements and credit notes as billed charges, with the names around them: what FOCUS exports are made of.

A discount line is folded into the line of its charge, since FOCUS wants discounts in the row that they are off. What
was billed in advance appears twice: as a purchase with the statement that billed it, and drawn down in its own period.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.credit import CreditOrigin
from pricing_service.domain.focus_export import BilledCharge, ChargeCategory, ChargeFrequency, Classification
from pricing_service.domain.plan import Recurrence
from pricing_service.domain.prices.line import LineKind, PartKind
from pricing_service.domain.statement import BillingMode, StatementState
from pricing_service.tables import (
    BillingProvider,
    CreditNote,
    CreditNoteLine,
    KnownOffering,
    KnownService,
    PricePlan,
    ServiceClassification,
    Statement,
    StatementLine,
)
from services.db.chassis_tables import KnownBusinessUnit
from services.identity import Units
from services.money import EXACT, Money, exact_total

UNKNOWN_ISSUER = "IT"
_UNPRICED = frozenset({"cost_plus"})


@dataclass(slots=True)
class Names:
    """What things are called, loaded once for many lines."""

    calendar: FiscalCalendar
    services: Mapping[UUID, KnownService]
    offerings: Mapping[UUID, KnownOffering]
    units: Mapping[UUID, str]
    classes: Mapping[UUID, Classification]
    following_cost: frozenset[UUID]  # plans whose price follows the cost
    issuer: str

    def service(self, service_id: UUID) -> str:
        known = self.services.get(service_id)
        return f"Service {service_id}" if known is None else known.name

    def offering(self, offering_id: UUID) -> str:
        known = self.offerings.get(offering_id)
        return f"Offering {offering_id}" if known is None else known.name

    def unit(self, business_unit_id: UUID) -> str:
        return self.units.get(business_unit_id, f"Business unit {business_unit_id}")

    def measure(self, line: StatementLine) -> str:
        if line.meter is not None:
            return line.meter
        known = self.offerings.get(line.offering_id)
        return "unit" if known is None else known.unit_of_measure

    def instant(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.calendar.zone)


async def names(session: AsyncSession, period_name: str) -> Names:
    """As of today, but for IT's own side: that of the period."""
    calendar = await queries.fiscal_calendar(session)
    provider = await queries.dated_in_force(session, BillingProvider, calendar.parse(period_name))
    classes = await session.scalars(select(ServiceClassification))
    plans = await session.execute(select(PricePlan.id, PricePlan.charges))
    return Names(
        calendar=calendar,
        services={known.id: known for known in await session.scalars(select(KnownService))},
        offerings={known.id: known for known in await session.scalars(select(KnownOffering))},
        units={id_: name for id_, name in await session.execute(select(KnownBusinessUnit.id, KnownBusinessUnit.name))},
        classes={each.id: Classification(each.category, each.subcategory) for each in classes},
        following_cost=frozenset(
            id_ for id_, charges in plans if any(charge["model"] in _UNPRICED for charge in charges)
        ),
        issuer=UNKNOWN_ISSUER if provider is None else provider.legal_entity,
    )


def visible_to(units: Units, business_unit_id: UUID | None) -> list[ColumnElement[bool]]:
    """The issued statements that a caller may see, and asks for."""
    conditions = [Statement.state != StatementState.DRAFT]
    if units.visible is not None:
        conditions.append(Statement.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        conditions.append(Statement.business_unit_id == business_unit_id)
    return conditions


def of_statement(named: Names, statement: Statement, lines: Sequence[StatementLine]) -> list[BilledCharge]:
    """Its charges in the order of its lines, discounts folded in."""
    return [_charge(named, statement, line, discounts, drawn_down=False) for line, discounts in _folded(lines)]


def drawn_down(named: Names, statement: Statement, lines: Iterable[StatementLine]) -> list[BilledCharge]:
    """What an earlier statement billed for the period that `lines` are of."""
    return [_charge(named, statement, line, discounts, drawn_down=True) for line, discounts in _folded(list(lines))]


def _folded(lines: Sequence[StatementLine]) -> list[tuple[StatementLine, list[StatementLine]]]:
    bases = {_place(line, line.charge): line for line in lines if line.kind == LineKind.CHARGE}
    folded: dict[UUID, list[StatementLine]] = {line.id: [] for line in lines}
    for line in lines:
        if line.kind == LineKind.DISCOUNT and "/" in line.charge:
            base = bases.get(_place(line, line.charge.rpartition("/")[0]))
            if base is not None:
                folded[base.id].append(line)
                del folded[line.id]
    return [(line, folded[line.id]) for line in lines if line.id in folded]


def _place(line: StatementLine, charge: str) -> tuple[object, ...]:
    return line.subscription_id, charge, line.split_start, line.service_period, line.adjusts_period


def _charge(
    named: Names, statement: Statement, line: StatementLine, discounts: Sequence[StatementLine], *, drawn_down: bool
) -> BilledCharge:
    own, billed = named.calendar.parse(line.service_period), named.calendar.parse(statement.period)
    shown = own if drawn_down else billed
    frequency = {Recurrence.ONE_OFF: ChargeFrequency.ONE_TIME, Recurrence.USAGE: ChargeFrequency.USAGE_BASED}
    corrects = line.adjusts_period is not None or own < billed
    return BilledCharge(
        line_id=line.id,
        invoice_id=str(statement.id),
        business_unit_id=statement.business_unit_id,
        business_unit_name=named.unit(statement.business_unit_id),
        currency=line.currency,
        billing_start=shown.start,
        billing_end=shown.end,
        charge_start=named.instant(line.split_start),
        charge_end=named.instant(line.split_end or own.end_day),
        category=ChargeCategory.USAGE,
        frequency=frequency.get(line.recurring, ChargeFrequency.RECURRING),  # type: ignore[call-overload]  # a StrEnum
        is_correction=corrects and not drawn_down,
        is_billed=statement.mode != BillingMode.SHOWBACK,
        in_advance=own > billed and not drawn_down,
        drawn_down=drawn_down,
        amount=exact_total([line.amount, *(discount.amount for discount in discounts)]),
        list_amount=_before_discounts(line),
        quantity=line.quantity,
        unit=named.measure(line),
        model=line.model,
        is_dynamic=line.price_plan_id in named.following_cost and line.model in _UNPRICED,
        service_name=named.service(line.service_id),
        classification=named.classes.get(line.service_id, Classification()),
        offering_id=line.offering_id,
        offering_name=named.offering(line.offering_id),
        charge_key=line.charge,
        charge_name=line.name,
        meter=line.meter,
        formula="; ".join([line.formula, *(discount.formula for discount in discounts)]),
        subscription_id=line.subscription_id,
        price_plan_id=line.price_plan_id,
        plan_version=line.plan_version,
        issuer=named.issuer,
    )


def _before_discounts(line: StatementLine) -> Decimal:
    """The amount without the discounts within it, to the currency's exponent."""
    off = [Decimal(part["amount"]) for part in line.parts if part["kind"] == PartKind.DISCOUNT]
    if line.kind == LineKind.DISCOUNT or not off:
        return line.amount
    return Money(EXACT.subtract(line.amount, exact_total(off)), line.currency).rounded().amount


def of_credit_note(
    named: Names, note: CreditNote, lines: Iterable[tuple[CreditNoteLine, StatementLine]]
) -> list[BilledCharge]:
    """Negative charges for the time of the lines that they credit, each given with its own.

    Of an earlier period they correct it; a service credit is a credit of its own.
    """
    booked = named.calendar.parse(note.period)
    is_credit = note.origin == CreditOrigin.SERVICE_CREDIT
    return [
        BilledCharge(
            line_id=line.id,
            invoice_id=note.number,
            business_unit_id=note.business_unit_id,
            business_unit_name=named.unit(note.business_unit_id),
            currency=line.currency,
            billing_start=booked.start,
            billing_end=booked.end,
            charge_start=named.instant(credited.split_start),
            charge_end=named.instant(credited.split_end or named.calendar.parse(credited.service_period).end_day),
            category=ChargeCategory.CREDIT if is_credit else ChargeCategory.USAGE,
            frequency=ChargeFrequency.ONE_TIME,
            is_correction=not is_credit and named.calendar.parse(credited.service_period) < booked,
            is_billed=note.mode != BillingMode.SHOWBACK,
            in_advance=False,
            drawn_down=False,
            amount=line.amount.copy_negate(),
            list_amount=line.amount.copy_negate(),
            quantity=Decimal(0),
            unit="Charge",
            model="credit",
            is_dynamic=False,
            service_name=named.service(line.service_id),
            classification=named.classes.get(line.service_id, Classification()),
            offering_id=line.offering_id,
            offering_name=named.offering(line.offering_id),
            charge_key=line.charge,
            charge_name=f"credit note {note.number}: {line.name}",
            meter=None,
            formula=f"credited by {note.number}",
            subscription_id=line.subscription_id,
            price_plan_id=None,
            plan_version=None,
            issuer=named.issuer,
        )
        for line, credited in lines
    ]
