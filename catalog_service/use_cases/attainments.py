"""Assessing a period: each promise of each offering that was measured in it, as it stood then.

A period may be assessed any number of times. What comes out as it did before changes nothing and tells nothing; what
comes out otherwise is the attainment's next assessment, and is told: a miss that turns out kept, or the other way too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain import attainment as domain
from catalog_service.domain.attainment import Assessed, AttainmentState
from catalog_service.domain.commitment import PERCENTILES, Commitment, CommitmentKind
from catalog_service.domain.measurement import Measured
from catalog_service.domain.months import Month, month_named
from catalog_service.domain.spans import Span
from catalog_service.events import CommitmentAttained, CommitmentMissed, CommitmentUnmeasured
from catalog_service.queries import attainment as queries
from catalog_service.queries.attainment import EVERYBODY
from catalog_service.tables import Attainment, AttainmentPeriod, Offering
from catalog_service.use_cases.attainment_timers import ASSESSMENT
from catalog_service.work import jobs
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.db.database import AlreadyThere
from services.db.upsert import upsert
from services.errors import Conflict, Fault, StaleWrite
from services.events import current_thread, record
from services.http import plain
from services.work import JobRun

_OFFERINGS_A_CHUNK = 20
_ATTEMPTS = 3
_TOLD = {
    AttainmentState.ATTAINED: CommitmentAttained,
    AttainmentState.MISSED: CommitmentMissed,
    AttainmentState.NOT_MEASURED: CommitmentUnmeasured,
}


class PeriodNotOver(Conflict): ...


class Scope(NamedTuple):
    """For whom: one subscription, one business unit, or (neither) everybody."""

    subscription_id: UUID | None = None
    business_unit_id: UUID | None = None

    @property
    def key(self) -> str:
        if self.subscription_id is not None:
            return f"subscription:{self.subscription_id}"
        return EVERYBODY if self.business_unit_id is None else f"business-unit:{self.business_unit_id}"


async def start_assessment(session: AsyncSession, period: str, *, now: datetime) -> Job:
    """Raises PeriodNotReadable, PeriodNotOver."""
    month = month_named(period)
    if now < month.end:
        raise PeriodNotOver(
            f"{month.name} ends at {month.end:%FT%TZ}: what is still going on is neither kept nor missed",
            faults=[Fault("/period", "is not over")],
        )
    return await jobs.start(session, ASSESSMENT, payload={"period": month.name})


@jobs.handler(ASSESSMENT)
async def assess_period(run: JobRun) -> dict[str, Any]:
    """The job: some offerings a chunk, in the order of their ids."""
    month = month_named(run.payload["period"])
    so_far: dict[str, Any] = run.checkpoint or {"last": None, "offerings": 0, "changed": 0}
    while so_far["last"] != "":
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with run.chunk() as session:
                    so_far = await _some(session, month, so_far, now=utc_now())
                    run.advance(done=so_far["offerings"], checkpoint=so_far)
                break
            except (StaleWrite, AlreadyThere):  # two jobs assess the period at once
                if attempt == _ATTEMPTS:
                    raise
    return {"period": month.name, "offerings": so_far["offerings"], "changed": so_far["changed"]}


async def _some(session: AsyncSession, month: Month, so_far: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    after = None if so_far["last"] is None else UUID(so_far["last"])
    offerings = await queries.offerings_to_assess(session, month, after=after, limit=_OFFERINGS_A_CHUNK)
    changed = 0
    for offering in offerings:
        changed += await assess_offering(session, offering, month, now=now)
    if len(offerings) < _OFFERINGS_A_CHUNK:
        row = {"period": month.name, "waiting": False, "assessed_at": now}
        upserted = upsert(session, AttainmentPeriod).values(row)
        await session.execute(upserted.on_conflict_do_update(index_elements=["period"], set_={"assessed_at": now}))
    return {
        "last": "" if len(offerings) < _OFFERINGS_A_CHUNK else str(offerings[-1].id),
        "offerings": so_far["offerings"] + len(offerings),
        "changed": so_far["changed"] + changed,
    }


def promised_in(offering: Offering, month: Month) -> Span | None:
    """The part of the month for which the offering's promises stood: from its validity, or else its publication.

    Without an end: who holds the offering holds its promises, also once nobody can ask for it any more.
    """
    since = offering.valid_from or offering.published_at
    if since is None or since >= month.end:
        return None
    return Span(max(since, month.start), month.end)


async def assess_offering(session: AsyncSession, offering: Offering, month: Month, *, now: datetime) -> int:
    """Assess all promises of an offering in a period; how many came out otherwise than before."""
    window = promised_in(offering, month)
    rows = await queries.counting_measurements(session, offering, month) if window is not None else []
    present = {
        (row.commitment, row.scope): row for row in await queries.attainments_of(session, offering.id, [month.name])
    }
    told: dict[CommitmentKind, _ByScope] = {}
    for subscription_id, unit_id, measured in rows:
        told.setdefault(measured.commitment, {}).setdefault(Scope(subscription_id, unit_id), []).append(measured)
    wanted = [
        (commitment, scope)
        for commitment in map(Commitment.of, offering.commitments)
        for scope in dict.fromkeys(
            [Scope(), *told.get(commitment.kind, ())]
            + [
                Scope(row.subscription_id, row.business_unit_id)
                for (kind, _), row in present.items()
                if kind is commitment.kind
            ]
        )
    ]
    changed = 0
    if window is not None:
        # A month of a busy desk is many thousand responses, of hundreds of subscriptions.
        found = await asyncio.to_thread(_assessed, told, wanted, window)
    else:
        found = [domain.NOTHING for _ in wanted]
    for (commitment, scope), assessed in zip(wanted, found, strict=True):
        changed += _keep(session, offering, commitment, month, scope, assessed, present, now)
    return changed


_ByScope = dict[Scope, list[Measured]]


def _assessed(
    told: Mapping[CommitmentKind, _ByScope], wanted: Sequence[tuple[Commitment, Scope]], window: Span
) -> list[Assessed]:
    return [
        domain.assess(commitment, _concerning(commitment, scope, told.get(commitment.kind, {})), window)
        for commitment, scope in wanted
    ]


def _concerning(commitment: Commitment, scope: Scope, told: _ByScope) -> list[Measured]:
    """What was measured that says anything of the promise in that scope.

    Of everybody: each single response, whoever got it; but only those outages that everybody had. Of one subscription
    or unit: its own, and of what is measured as a whole also what its unit and everybody had.
    """
    if commitment.kind not in PERCENTILES:
        scopes = dict.fromkeys([scope, Scope(None, scope.business_unit_id), Scope()])
    else:
        scopes = dict.fromkeys(told if scope == Scope() else [scope])
    return [measured for each in scopes for measured in told.get(each, ())]


def _keep(
    session: AsyncSession,
    offering: Offering,
    commitment: Commitment,
    month: Month,
    scope: Scope,
    assessed: Assessed,
    present: dict[Any, Attainment],
    now: datetime,
) -> bool:
    """Save and tell what came out, unless it is what is known already; whether it was told."""
    values = {
        "promised": commitment.target,
        "unit": commitment.unit,
        "percentile": domain.percentile_of(commitment),
        "state": assessed.state,
        "attained": assessed.attained,
        "n": assessed.n,
        "figures": {name: plain(figure) for name, figure in assessed.figures.items()},
    }
    row = present.get((commitment.kind, scope.key))
    if row is None and assessed.state is AttainmentState.NOT_MEASURED:
        return False
    if row is not None and all(getattr(row, name) == value for name, value in values.items()):
        return False
    if row is None:
        row = Attainment(
            offering_id=offering.id,
            service_id=offering.service_id,
            commitment=commitment.kind,
            period=month.name,
            scope=scope.key,
            subscription_id=scope.subscription_id,
            business_unit_id=scope.business_unit_id,
            assessment=0,
            assessed_at=now,
            **values,
        )
        session.add(row)
    for name, value in values.items():
        setattr(row, name, value)
    row.assessment += 1
    row.assessed_at = now
    record(session, row, _TOLD[assessed.state], thread=current_thread())
    return True
