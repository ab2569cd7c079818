"""The portal, the explorer with its assets, and the merged OpenAPI document."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from gateway import pages
from gateway.documents import Documents
from services.errors import NotFound
from services.identity import public

# Plain enough for an APIRouter: no caller, no session, nothing written.
router = APIRouter(include_in_schema=False, dependencies=[public()])


@router.get("/")
async def portal(request: Request) -> HTMLResponse:
    return HTMLResponse(request.app.state.portal, headers=dict(pages.PAGE_HEADERS))


@router.get("/docs")
async def explorer(request: Request) -> HTMLResponse:
    return HTMLResponse(request.app.state.explorer, headers=dict(pages.PAGE_HEADERS))


@router.get("/docs/assets/{name}")
async def asset(name: str) -> FileResponse:
    if name not in pages.ASSETS:
        raise NotFound(f"no asset {name}")
    found = pages.ASSETS[name]
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return FileResponse(found.file, media_type=found.media_type, headers=headers)


@router.get("/openapi.json")
async def merged_document(request: Request, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    documents: Documents = request.app.state.documents
    merged = await documents.merged()
    headers = {"ETag": merged.etag, "Cache-Control": "no-cache"}
    if if_none_match is not None and merged.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(merged.content, media_type="application/json", headers=headers)
