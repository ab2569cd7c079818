"""Business units, cost centres and people in bulk, over HTTP."""

from typing import Annotated

from fastapi import Query, Request, Response

from demand_service.use_cases import unit_imports
from services.http import JobRead, Upload, UploadApi, WriteSession, accepted_job, upload_body
from services.identity import Principal, Role, may

router = UploadApi(prefix="/v1", tags=["Business units"])


@router.post(
    "/unit-imports",
    status_code=202,
    summary="Import business units, cost centres and people",
    openapi_extra=upload_body("text/csv", "application/json"),
)
async def import_units(
    request: Request,
    upload: Upload,
    response: Response,
    principal: Annotated[Principal, may(Role.INTEGRATION)],
    session: WriteSession,
    system: Annotated[
        str, Query(pattern=r"^[A-Za-z0-9._-]+$", max_length=60, description="Whose ids these are, as in hr")
    ],
    dry_run: Annotated[bool, Query(description="Only say what would change")] = False,
) -> JobRead:
    """Rows of CSV, or an array of JSON objects with the same names: see docs/demand/know.md.

    All or nothing: with a single fault nothing is done, and the job's problem lists every fault with its line. A row
    whose `effective_on` is to come is kept until that day.
    """
    job = await unit_imports.start_import(
        session, upload, media_type=request.headers.get("content-type", ""), system=system, dry_run=dry_run
    )
    return accepted_job(response, job)
