"""Cost sources: on which terms each delivers, and which rows of the ledger they therefore clear."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, null, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.cost_rows import Origin
from pricing_service.domain.cost_terms import SourceKind, detailed_accounts
from pricing_service.schemas.cost_sources import CostSourcePut
from pricing_service.tables import CostImport, CostRow, CostSource
from pricing_service.use_cases.periods import share_books
from services.errors import Conflict, Fault, NotFound, PreconditionRequired
from services.http import check_version


class SourceKindFixed(Conflict): ...


class SourceExists(PreconditionRequired): ...


TERMS = ("cost_basis", "currency", "accounts", "account_rules", "recoverable_tax")


def terms_of(source: CostSource) -> dict[str, Any]:
    """The document that SourceTerms.of reads."""
    return {name: getattr(source, name) for name in TERMS}


async def source_named(session: AsyncSession, name: str) -> CostSource | None:
    found: CostSource | None = await session.scalar(select(CostSource).where(CostSource.name == name))
    return found


async def read_source(session: AsyncSession, name: str) -> CostSource:
    """Raises NotFound."""
    found = await source_named(session, name)
    if found is None:
        raise NotFound(f"no cost source {name[:60]!r}")
    return found


async def declare_source(
    session: AsyncSession, name: str, body: CostSourcePut, *, if_match: frozenset[int] | None, sent: bool
) -> CostSource:
    """Declare a source, or change what it was declared with; its accounts are cleared anew in all open periods.

    The basis and the tax rule are those of the imports from here on. Raises SourceKindFixed, SourceExists
    (without If-Match), VersionIsStale.
    """
    await share_books(session)
    source = await source_named(session, name)
    wanted = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    values: dict[str, Any] = {
        "kind": body.kind.value,
        "declared": True,
        "cost_basis": body.cost_basis.value,
        "currency": body.currency,
        "accounts": list(body.accounts),
        "account_rules": wanted.get("account_rules", []),
        "recoverable_tax": wanted.get("recoverable_tax", {}),
        "mapping": wanted.get("mapping", {}),
    }
    if source is None:
        source = CostSource(version=1, name=name, **values)
        session.add(source)
        before: Sequence[str] = ()
    else:
        if source.declared and not sent:
            raise SourceExists(
                f"the source {name} is there already; send If-Match with the ETag that you read",
                faults=[Fault("If-Match", "is missing")],
            )
        check_version(source, if_match)
        if source.kind != body.kind and await session.scalar(
            select(CostImport.id).where(CostImport.source == name).limit(1)
        ):
            raise SourceKindFixed(
                f"{name} has delivered as a {source.kind} source", faults=[Fault("/kind", f"must stay {source.kind}")]
            )
        before = source.accounts
        for column, value in values.items():
            if getattr(source, column) != value:
                setattr(source, column, value)
    await session.flush()
    if body.kind is SourceKind.FOCUS:
        await _detail(session, source)
    await clear(session, sorted({*before, *source.accounts}))
    return source


async def follow_import(session: AsyncSession, stored: CostImport) -> None:
    """A source that nobody declared is what its last import said."""
    source = await source_named(session, stored.source)
    if source is None:
        session.add(
            CostSource(
                version=1,
                name=stored.source,
                kind=stored.kind,
                declared=False,
                cost_basis=stored.cost_basis,
                currency=None,
                accounts=[],
                account_rules=[],
                recoverable_tax={},
                mapping={},
            )
        )
    elif not source.declared and source.cost_basis != stored.cost_basis:
        source.cost_basis = stored.cost_basis


async def detailed(session: AsyncSession) -> dict[str, str]:
    """By ledger account the source that details it."""
    rows = await session.execute(
        select(CostSource.name, CostSource.accounts).where(CostSource.kind == SourceKind.FOCUS)
    )
    return detailed_accounts([(name, accounts) for name, accounts in rows])


async def clear(session: AsyncSession, accounts: Sequence[str], *imports: ColumnElement[bool]) -> None:
    """Mark the ledger's rows of `accounts`, in open periods, with the source that details them now, or with none."""
    if not accounts:
        return
    by_account = await detailed(session)
    of_ledger = select(CostImport.id).where(CostImport.kind == SourceKind.LEDGER)
    rows = (CostRow.origin == Origin.LEDGER, CostRow.import_id.in_(of_ledger), await _open(session), *imports)
    for account in accounts:
        await session.execute(
            update(CostRow).where(*rows, CostRow.account == account).values(cleared_by=by_account.get(account))
        )


async def _detail(session: AsyncSession, source: CostSource) -> None:
    """Give the rows of the source, in open periods, the ledger account that they detail."""
    whens = [
        (and_(true(), *[queries.matches(condition) for condition in rule["rules"]]), rule["account"])
        for rule in source.account_rules
    ]
    rest: Any = literal(source.accounts[0]) if source.accounts else null()
    value: Any = case(*whens, else_=rest) if whens else rest
    of_source = select(CostImport.id).where(CostImport.source == source.name)
    await session.execute(
        update(CostRow)
        .where(CostRow.import_id.in_(of_source), CostRow.origin == Origin.FOCUS, await _open(session))
        .values(account=value)
    )


async def _open(session: AsyncSession) -> ColumnElement[bool]:
    through = await queries.closed_through(session)
    return true() if through is None else CostRow.period > through
