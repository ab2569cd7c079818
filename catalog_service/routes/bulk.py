"""The whole catalogue in and out."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from catalog_service.documents import JsonWriter, Writer, YamlWriter
from catalog_service.routes import Designer, sees_drafts
from catalog_service.schemas.interchange import document_schema
from catalog_service.use_cases import exports, imports
from services.errors import Forbidden
from services.http import Api, JobRead, Upload, UploadApi, WriteSession, accepted_job, upload_body
from services.identity import Principal, Role, may

uploads = UploadApi(prefix="/v1", tags=["Bulk"])
router = Api(prefix="/v1", tags=["Bulk"])
_CATALOGUE = {
    "itaas_catalogue": 1,
    "taxonomy": [{"key": "infrastructure", "name": "Infrastructure"}],
    "services": [
        {"key": "dns", "name": "Domain names", "unit_of_measure": "domain", "taxonomy_node_id": "infrastructure"}
    ],
}
_CATALOGUE_IN_YAML = """\
itaas_catalogue: 1
taxonomy:
- key: infrastructure
  name: Infrastructure
services:
- key: dns
  name: Domain names
  unit_of_measure: domain
  taxonomy_node_id: infrastructure
"""


class ExportNotAllowed(Forbidden): ...


async def _export_reader(principal: Annotated[Principal, may(*Role)]) -> Principal:
    """An export holds drafts. Raises ExportNotAllowed."""
    if not sees_drafts(principal):
        raise ExportNotAllowed("an export is for those who see drafts")
    return principal


@uploads.post(
    "/imports",
    status_code=202,
    summary="Import a catalogue",
    openapi_extra=upload_body(
        "application/yaml",
        "application/json",
        examples={"application/yaml": _CATALOGUE_IN_YAML, "application/json": _CATALOGUE},
    ),
)
async def import_catalogue(
    request: Request,
    upload: Upload,
    response: Response,
    principal: Designer,
    session: WriteSession,
    dry_run: Annotated[bool, Query(description="Only say what would change")] = False,
    format: Annotated[  # the contract's name
        Literal["itaas", "backstage"] | None, Query(description="What the file holds; by default the file itself says")
    ] = None,
) -> JobRead:
    """The body is a catalogue in YAML or JSON, as `GET /v1/export` writes it and `GET /v1/import-schema` describes
    it, or Backstage's entities. The job's result counts what is created, updated and unchanged, with the differences.

    All or nothing: with a single fault nothing is imported, and the job's problem lists every fault with its line.
    What the file does not name stays as it is, fields as well as things.
    """
    job = await imports.start_import(
        session,
        upload,
        media_type=request.headers.get("content-type", ""),
        dry_run=dry_run,
        entities=None if format is None else format == "backstage",
        principal=principal,
    )
    return accepted_job(response, job)


@router.get(
    "/export",
    summary="Export the catalogue",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The whole catalogue",
            "content": {
                "application/yaml": {"schema": {"type": "object"}, "example": {"itaas_catalogue": 1, "taxonomy": []}},
                "application/json": {"schema": {"type": "object"}, "example": {"itaas_catalogue": 1, "taxonomy": []}},
            },
        }
    },
)
async def export_catalogue(
    request: Request,
    principal: Annotated[Principal, Depends(_export_reader)],
    format: Annotated[  # the contract's name
        Literal["yaml", "json"] | None, Query(description="By default as Accept says; else YAML")
    ] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> StreamingResponse:
    """Everything that was designed here, drafts as well, in the order of ids: the same catalogue is the same text.

    It imports to the same catalogue again: into an empty one with the same ids, into this one without a change.
    """
    as_json = format == "json" or (
        format is None and "application/json" in (accept or "") and "yaml" not in (accept or "")
    )
    writer: Writer = JsonWriter() if as_json else YamlWriter()

    async def pieces() -> AsyncIterator[str]:
        async with request.app.state.runtime.database.reading() as session:
            waiting: list[str] = []
            async for piece in exports.export(session, writer):
                waiting.append(piece)
                if len(waiting) >= 100:  # pieces are small, and each one that is sent costs
                    yield "".join(waiting)
                    waiting.clear()
            yield "".join(waiting)

    name = f'attachment; filename="catalogue.{"json" if as_json else "yaml"}"'
    return StreamingResponse(pieces(), media_type=writer.media_type, headers={"Content-Disposition": name})


@router.get("/import-schema", summary="Read the format of imports", response_class=JSONResponse)
async def read_import_schema(principal: Annotated[Principal, may(*Role)]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a catalogue document, made from the bodies of this API."""
    return document_schema()
