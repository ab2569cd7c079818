"""The cost rows that an allocation run took into its pools, as it saw them: explanations lead down to them.

Rows are never changed and superseded snapshots stay, so that a run's rows can be found again by what it kept: its
snapshots, and the rules of its pools in their order. One thing is not kept: which ledger rows were cleared. Whoever
declares other cleared accounts after a run sees the rows of that run less those that are cleared by now.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.schemas.cost_rules import CostRule
from pricing_service.tables import (
    AllocationModel,
    AllocationPool,
    AllocationRun,
    AllocationSource,
    CostImport,
    CostRow,
    CostSnapshot,
)
from pricing_service.use_cases.cost_views import ROW_COLUMNS
from services.errors import Conflict, Fault, Invalid, NotFound


class RunAlone(Invalid):
    """A run has a period of its own, and pools are those of a run."""


class PoolNotInRun(NotFound): ...


class RunRulesNotKept(Conflict):
    """A run from before the rules of its pools were kept."""


def href(run_id: UUID, pool: str, *, import_id: UUID | None = None, currency: str | None = None) -> str:
    """Where the rows stand that a run took into a pool, of one import and currency where they are given."""
    query = [("allocation_run_id", str(run_id)), ("pool", pool)]
    if import_id is not None:
        query.append(("import_id", str(import_id)))
    if currency is not None:
        query.append(("filter", f"BillingCurrency={currency}"))
    return "/v1/cost-rows?" + urlencode(query)


async def rules_of(session: AsyncSession, run: AllocationRun) -> dict[str, list[CostRule]]:
    """By the name of the pool, as the run knew them; of runs whose model was not kept in full there are none."""
    document: Mapping[str, Any] = run.inputs.get("model", {})
    if run.model_id is not None and (model := await session.get(AllocationModel, run.model_id)) is not None:
        document = model.document
    return {
        pool["name"]: [CostRule.model_validate(rule) for rule in pool["rules"]] for pool in document.get("pools", [])
    }


async def taken(session: AsyncSession, run_id: UUID | None, pool: str | None) -> Select[Any]:
    """A select of the rows that a run took, or that fell into one of its pools.

    Raises RunAlone, NotFound, PoolNotInRun, RunRulesNotKept.
    """
    if run_id is None:
        raise RunAlone("pools are those of a run", faults=[Fault("allocation_run_id", "is missing")])
    run = await session.get(AllocationRun, run_id)
    if run is None:
        raise NotFound(f"no allocation run {run_id}", faults=[Fault("allocation_run_id", "is unknown")])
    at = tuple_(CostRow.import_id, CostRow.billing_month)
    query = queries.in_snapshots(*ROW_COLUMNS).where(
        CostSnapshot.period == run.period,
        at.in_(await _snapshots(session, run)),
        CostRow.cleared_by.is_(None),
    )
    if pool is None:
        return query
    pools = select(AllocationPool.name).where(AllocationPool.run_id == run.id).order_by(AllocationPool.position)
    names = list(await session.scalars(pools))
    if pool not in names:
        raise PoolNotInRun(f"run {run.id} has no pool {pool!r}", faults=[Fault("pool", "is none of the run's")])
    rules = await rules_of(session, run)
    if any(name not in rules for name in names):
        raise RunRulesNotKept(f"the rules of run {run.id} were not kept; run the allocation again")
    stored = [[rule.model_dump(mode="json", exclude_none=True) for rule in rules[name]] for name in names]
    return query.where(queries.pool_of(stored) == names.index(pool))


def check(given: Sequence[str], run_id: UUID | None) -> None:
    """Raises RunAlone."""
    if run_id is not None and given:
        raise RunAlone(
            "a run has a period of its own", faults=[Fault(name, "not together with a run") for name in given]
        )


async def _snapshots(session: AsyncSession, run: AllocationRun) -> list[tuple[UUID, str]]:
    """Import and billing month of what counted for the run."""
    imports = select(AllocationSource.import_id).where(AllocationSource.run_id == run.id)
    found = await session.execute(
        select(CostSnapshot.import_id, CostSnapshot.billing_month, CostSnapshot.source, CostImport.content_sha256)
        .outerjoin(CostImport, CostImport.id == CostSnapshot.import_id)
        .where(CostSnapshot.period == run.period, CostSnapshot.import_id.in_(imports))
    )
    kept = run.inputs.get("snapshots")
    if not isinstance(kept, list):  # only the hash of them, by runs that had many
        return [(import_id, month) for import_id, month, _, _ in found]
    counted = {(each["source"], each["billing_month"], each["content"]) for each in kept}
    return [
        (import_id, month)
        for import_id, month, source, sha256 in found
        if (source, month, sha256 or str(import_id)) in counted
    ]
