"""What is set by period: billing profiles, IT's own side, intercompany accounts, rules of service credits.

Each is put under the period from which it counts. One that a closed period rests on stands for good; one that is
superseded is kept.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import service_credit
from pricing_service.domain.statement import BillingModeFixed, mode_on
from pricing_service.schemas import billing as bodies
from pricing_service.tables import BillingProfile, BillingProvider, IntercompanyAccounts, ServiceCreditRule
from pricing_service.tables.billing import Dated
from pricing_service.use_cases.periods import require_open
from services.db import touch
from services.errors import Fault, Invalid
from services.http import check_version
from services.http.etags import IfMatchMissing

D = TypeVar("D", bound=Dated)


class EntitiesAreOne(Invalid): ...


class TaxCodeTwice(Invalid): ...


async def put_profile(
    session: AsyncSession, body: bodies.BillingProfilePut, *, if_match: frozenset[int] | None, conditional: bool
) -> tuple[BillingProfile, bool]:
    """Raises BillingModeFixed for the mode of a period that a statement bills already."""
    unit = body.business_unit_id
    before = (await queries.billing_modes(session, [unit]))[unit]
    keys = {"business_unit_id": unit}
    content = body.model_dump(mode="json", exclude={"business_unit_id", "effective_from"})
    put = await _put(session, BillingProfile, body.effective_from, keys, content, if_match, conditional)
    await session.flush()
    after = (await queries.billing_modes(session, [unit]))[unit]
    if after != before:
        calendar = await queries.fiscal_calendar(session)
        closed_through = await queries.closed_through(session)
        for name in await queries.billed_periods(session, unit, closed_through=closed_through):
            day = calendar.parse(name).first_day
            if (fixed := mode_on(day, before)) is not mode_on(day, after):
                raise BillingModeFixed(
                    f"statements bill {name} by {fixed} already",
                    faults=[Fault("/mode", f"would change how {name} is billed, which is {fixed} by now")],
                )
    return put


async def put_provider(
    session: AsyncSession, body: bodies.BillingProviderPut, *, if_match: frozenset[int] | None, conditional: bool
) -> tuple[BillingProvider, bool]:
    content = body.model_dump(mode="json", exclude={"effective_from"})
    return await _put(session, BillingProvider, body.effective_from, {}, content, if_match, conditional)


async def put_intercompany(
    session: AsyncSession, body: bodies.IntercompanyAccountsPut, *, if_match: frozenset[int] | None, conditional: bool
) -> tuple[IntercompanyAccounts, bool]:
    """Raises EntitiesAreOne, TaxCodeTwice."""
    if body.provider_entity == body.consumer_entity:
        raise EntitiesAreOne(
            "nothing is booked between a legal entity and itself",
            faults=[Fault("/consumer_entity", "is the provider's")],
        )
    codes = [tax.code for tax in body.taxes]
    for index, code in enumerate(codes):
        if code in codes[:index]:
            raise TaxCodeTwice(
                f"tax code {code!r} stands there twice", faults=[Fault(f"/taxes/{index}/code", "stands there already")]
            )
    keys = {"provider_entity": body.provider_entity, "consumer_entity": body.consumer_entity}
    content = body.model_dump(mode="json", exclude={*keys, "effective_from"})
    return await _put(session, IntercompanyAccounts, body.effective_from, keys, content, if_match, conditional)


async def put_service_credit_rule(
    session: AsyncSession, body: bodies.ServiceCreditRulePut, *, if_match: frozenset[int] | None, conditional: bool
) -> tuple[ServiceCreditRule, bool]:
    """Raises BandsWrong."""
    bands = [service_credit.Band(band.shortfall_from, band.credit_percent) for band in body.bands]
    service_credit.check_bands(bands, body.cap_percent)
    keys = {"offering_id": body.offering_id, "commitment": body.commitment}
    content = body.model_dump(mode="json", include={"bands"}) | {"cap_percent": body.cap_percent}
    return await _put(session, ServiceCreditRule, body.effective_from, keys, content, if_match, conditional)


async def _put(
    session: AsyncSession,
    table: type[D],
    effective_from: str,
    keys: Mapping[str, Any],
    content: Mapping[str, Any],
    if_match: frozenset[int] | None,
    conditional: bool,
) -> tuple[D, bool]:
    """Create the row of the key and period, or replace it; True if it is new. The same again changes nothing.

    Raises PeriodClosed, IfMatchMissing where it would replace without a condition, VersionIsStale.
    """
    calendar = await queries.fiscal_calendar(session)
    period = calendar.parse(effective_from, pointer="/effective_from")
    same = [getattr(table, name) == value for name, value in keys.items()]
    row: D | None = await session.scalar(select(table).where(table.effective_day == period.first_day, *same))
    if row is not None and all(getattr(row, name) == value for name, value in content.items()):
        check_version(row, if_match)
        return row, False
    await require_open(session, period, "/effective_from")
    if row is None:
        row = table(effective_from=period.name, effective_day=period.first_day, **keys, **content)
        session.add(row)
        touch(row)
        return row, True
    check_version(row, if_match)
    if not conditional:
        raise IfMatchMissing(
            f"it is set from {period} on already: send If-Match with its ETag to replace it",
            faults=[Fault("If-Match", "is missing")],
        )
    for name, value in content.items():
        setattr(row, name, value)
    touch(row)
    return row, False
