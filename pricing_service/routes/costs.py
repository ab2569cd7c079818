"""Cost imports: FOCUS files and ledgers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select

from pricing_service.domain.cost_rows import CostBasis
from pricing_service.schemas.costs import CostImportDetail, CostImportRead, RejectedRow
from pricing_service.tables import CostImport
from pricing_service.use_cases import cost_import_leftovers, cost_imports
from services.errors import NotFound
from services.http import (
    Api,
    Etag,
    JobRead,
    Page,
    Paging,
    ReadSession,
    Upload,
    UploadApi,
    WriteSession,
    accepted_job,
    paginate,
    upload_body,
)
from services.identity import Principal, Role, may

uploads = UploadApi(prefix="/v1", tags=["Costs"])
router = Api(prefix="/v1", tags=["Costs"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER)]
Source = Annotated[
    str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$", description="Who delivers the file", examples=["aws"])
]


@uploads.post(
    "/cost-imports",
    status_code=202,
    summary="Import a FOCUS file",
    openapi_extra=upload_body("text/csv", "application/gzip"),
)
async def import_costs(
    upload: Upload,
    response: Response,
    principal: Finance,
    session: WriteSession,
    source: Source,
    cost_basis: Annotated[
        CostBasis | None,
        Query(description="Which column is the cost of this source; needed until the source is declared"),
    ] = None,
) -> JobRead:
    """The body is a FOCUS 1.0 to 1.2 CSV, plain or gzip, of any size; the job tells its progress.

    Rows that cannot be read are rejected with their line and reason; the good rows are kept. They count all at once,
    at the end, and replace what the source delivered for the same billing periods before. Of a closed period the
    difference is booked in the earliest open one; the result says what was booked where. The same file again
    changes nothing.
    """
    job = await cost_imports.start_import(session, upload, source=source, cost_basis=cost_basis)
    return accepted_job(response, job)


@uploads.post(
    "/ledger-imports",
    status_code=202,
    summary="Import a general ledger",
    openapi_extra=upload_body("text/csv", "application/gzip"),
)
async def import_ledger(
    upload: Upload, response: Response, principal: Finance, session: WriteSession, source: Source
) -> JobRead:
    """The body is a CSV, plain or gzip, that is read by the mapping with which its source is declared.

    Rows of accounts that another source details are cleared: they do not count. For the rest, see the import of a
    FOCUS file; a delivery replaces the fiscal periods that it holds rows of.
    """
    return accepted_job(response, await cost_imports.start_ledger_import(session, upload, source=source))


@router.get("/cost-imports", response_model=Page[CostImportRead], summary="List cost imports")
async def list_imports(
    principal: Reader, session: ReadSession, paging: Paging, source: Source | None = None
) -> Page[Any]:
    """The oldest first."""
    query = select(CostImport)
    if source is not None:
        query = query.where(CostImport.source == source)
    page = await paginate(session, query, CostImport.id, paging)
    left_behind = await cost_import_leftovers.left_behind(session, page.items)
    items = [_as_shown(stored, stored.id in left_behind) for stored in page.items]
    return Page[Any](items=items, next_cursor=page.next_cursor)


@router.get("/cost-imports/{import_id}", summary="Read a cost import")
async def read_import(import_id: UUID, principal: Reader, session: ReadSession, etag: Etag) -> CostImportDetail:
    """With the rows that were rejected."""
    found = await session.get(CostImport, import_id)
    if found is None:
        raise NotFound(f"no cost import {import_id}")
    faults = await cost_imports.faults_of(session, import_id)
    summary = _as_shown(etag(found), bool(await cost_import_leftovers.left_behind(session, [found])))
    return CostImportDetail(**summary.model_dump(), rejected=[RejectedRow.model_validate(fault) for fault in faults])


def _as_shown(stored: CostImport, left_behind: bool) -> CostImportRead:
    """An import whose job is over has failed, whether or not that job could still say so."""
    shown = CostImportRead.model_validate(stored)
    return shown.model_copy(update={"state": cost_import_leftovers.FAILED}) if left_behind else shown
