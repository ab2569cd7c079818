"""The portfolio's order: taxonomy nodes, and the business capabilities that services provide."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries, schemas
from catalog_service.routes import NO_NUL, Designer, ExternalIdFilter, Identifier, Reader, Sight, System
from catalog_service.tables import Capability, TaxonomyNode
from catalog_service.use_cases import trees as use_cases
from catalog_service.use_cases.external_ids import CAPABILITIES, TAXONOMY_NODES, Named
from services.http import Api, Etag, IfMatch, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate

router = Api(prefix="/v1")
ParentFilter = Annotated[UUID | None, Query(description="Only the children of this one")]
TopFilter = Annotated[bool, Query(description="Only those at the top")]
BelowFilter = Annotated[UUID | None, Query(description="This one and everything below it")]
WordFilter = Annotated[str | None, Query(max_length=200, pattern=NO_NUL, description="Its exact name")]


async def _shown(session: AsyncSession, kind: Named[Any], nodes: list[Any]) -> list[schemas.NodeRead]:
    await session.flush()
    paths = await queries.paths(session, kind.table, (node.id for node in nodes))
    items = [schemas.NodeRead.model_validate(node) for node in nodes]
    for item in items:
        item.path = [schemas.StepRead.model_validate(step) for step in paths.get(item.id, [])]
    return items


async def _one(session: AsyncSession, kind: Named[Any], node: Any, etag: Etag) -> schemas.NodeRead:
    etag(node)
    return (await _shown(session, kind, [node]))[0]


@router.post(
    "/taxonomy-nodes",
    response_model=schemas.NodeRead,
    status_code=201,
    summary="Create a taxonomy node",
    tags=["Taxonomy"],
)
async def create_taxonomy_node(
    body: schemas.NodeCreate, response: Response, session: WriteSession, etag: Etag, principal: Designer
) -> schemas.NodeRead:
    """At the top, or below another one. 409 if a sibling has its name."""
    node = await use_cases.create_node(session, TAXONOMY_NODES, body)
    response.headers["Location"] = f"/v1/taxonomy-nodes/{node.id}"
    return await _one(session, TAXONOMY_NODES, node, etag)


@router.get("/taxonomy-nodes", response_model=Page[schemas.NodeRead], summary="List taxonomy nodes", tags=["Taxonomy"])
async def list_taxonomy_nodes(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    parent_id: ParentFilter = None,
    top: TopFilter = False,
    below: BelowFilter = None,
    name: WordFilter = None,
    external_id: ExternalIdFilter = None,
) -> Page[schemas.NodeRead]:
    """The children of one, a whole subtree, or all of them; oldest first, each with its path from the top."""
    query = queries.nodes(TaxonomyNode, parent_id=parent_id, top=top, root=below, name=name, external_id=external_id)
    page = await paginate(session, query, TaxonomyNode.id, paging)
    items = await _shown(session, TAXONOMY_NODES, list(page.items))
    return Page[schemas.NodeRead](items=items, next_cursor=page.next_cursor)


@router.get(
    "/taxonomy-nodes/{node_id}", response_model=schemas.NodeRead, summary="Read a taxonomy node", tags=["Taxonomy"]
)
async def read_taxonomy_node(node_id: UUID, session: ReadSession, etag: Etag, principal: Reader) -> schemas.NodeRead:
    """With its path from the top."""
    return await _one(session, TAXONOMY_NODES, await queries.the_node(session, TaxonomyNode, node_id), etag)


@router.patch(
    "/taxonomy-nodes/{node_id}", response_model=schemas.NodeRead, summary="Change a taxonomy node", tags=["Taxonomy"]
)
async def change_taxonomy_node(
    node_id: UUID,
    body: schemas.NodeChange,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> schemas.NodeRead:
    """Fields that are left out stay as they are. 409 if a sibling has its new name."""
    node = await use_cases.change_node(session, TAXONOMY_NODES, node_id, body, if_match=if_match)
    return await _one(session, TAXONOMY_NODES, node, etag)


@router.post(
    "/taxonomy-nodes/{node_id}/move",
    response_model=schemas.NodeRead,
    summary="Move a taxonomy node",
    tags=["Taxonomy"],
)
async def move_taxonomy_node(
    node_id: UUID, body: schemas.NodeMove, session: WriteSession, etag: Etag, if_match: IfMatch, principal: Designer
) -> schemas.NodeRead:
    """With everything below it, to another parent. 409 names the cycle that it would close."""
    node = await use_cases.move_node(session, TAXONOMY_NODES, node_id, body.parent_id, if_match=if_match)
    return await _one(session, TAXONOMY_NODES, node, etag)


@router.delete("/taxonomy-nodes/{node_id}", status_code=204, summary="Delete a taxonomy node", tags=["Taxonomy"])
async def delete_taxonomy_node(
    node_id: UUID, session: WriteSession, if_match: RequiredIfMatch, principal: Designer
) -> None:
    """409 counts what hangs from it: nodes, services, offerings."""
    await use_cases.delete_node(session, TAXONOMY_NODES, node_id, if_match=if_match)


@router.put(
    "/taxonomy-nodes/by-external-id/{system}/{identifier:path}",
    response_model=schemas.NodeRead,
    responses={201: {"model": schemas.NodeRead, "description": "It is new"}},
    summary="Create or change a taxonomy node by its external id",
    tags=["Taxonomy"],
    openapi_extra={"x-upsert": True},
)
async def upsert_taxonomy_node(
    system: System,
    identifier: Identifier,
    body: schemas.NodeCreate,
    response: Response,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> schemas.NodeRead:
    """201 if it is new, else 200; what the body leaves out stays as it is."""
    node, new = await use_cases.upsert_node(session, TAXONOMY_NODES, (system, identifier), body, if_match=if_match)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/taxonomy-nodes/{node.id}"
    return await _one(session, TAXONOMY_NODES, node, etag)


@router.post(
    "/capabilities",
    response_model=schemas.NodeRead,
    status_code=201,
    summary="Create a business capability",
    tags=["Capabilities"],
)
async def create_capability(
    body: schemas.NodeCreate, response: Response, session: WriteSession, etag: Etag, principal: Designer
) -> schemas.NodeRead:
    """What a business unit is able to do, as a part of another capability or at the top."""
    node = await use_cases.create_node(session, CAPABILITIES, body)
    response.headers["Location"] = f"/v1/capabilities/{node.id}"
    return await _one(session, CAPABILITIES, node, etag)


@router.get(
    "/capabilities", response_model=Page[schemas.NodeRead], summary="List business capabilities", tags=["Capabilities"]
)
async def list_capabilities(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    parent_id: ParentFilter = None,
    top: TopFilter = False,
    below: BelowFilter = None,
    name: WordFilter = None,
    external_id: ExternalIdFilter = None,
) -> Page[schemas.NodeRead]:
    """The children of one, a whole subtree, or all of them; oldest first, each with its path from the top."""
    query = queries.nodes(Capability, parent_id=parent_id, top=top, root=below, name=name, external_id=external_id)
    page = await paginate(session, query, Capability.id, paging)
    items = await _shown(session, CAPABILITIES, list(page.items))
    return Page[schemas.NodeRead](items=items, next_cursor=page.next_cursor)


@router.get(
    "/capabilities/{capability_id}",
    response_model=schemas.CapabilityDetail,
    summary="Read a business capability",
    tags=["Capabilities"],
)
async def read_capability(
    capability_id: UUID, session: ReadSession, etag: Etag, principal: Reader, sight: Sight
) -> schemas.CapabilityDetail:
    """With its path and the services that provide it."""
    node = await queries.the_node(session, Capability, capability_id)
    shown = await _one(session, CAPABILITIES, node, etag)
    providers, count = await queries.providers(session, capability_id, sight)
    return schemas.CapabilityDetail(
        **dict(shown),
        services=[schemas.ProviderRead.model_validate(service) for service in providers],
        service_count=count,
    )


@router.patch(
    "/capabilities/{capability_id}",
    response_model=schemas.NodeRead,
    summary="Change a business capability",
    tags=["Capabilities"],
)
async def change_capability(
    capability_id: UUID,
    body: schemas.NodeChange,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> schemas.NodeRead:
    """Fields that are left out stay as they are. 409 if a sibling has its new name."""
    node = await use_cases.change_node(session, CAPABILITIES, capability_id, body, if_match=if_match)
    return await _one(session, CAPABILITIES, node, etag)


@router.post(
    "/capabilities/{capability_id}/move",
    response_model=schemas.NodeRead,
    summary="Move a business capability",
    tags=["Capabilities"],
)
async def move_capability(
    capability_id: UUID,
    body: schemas.NodeMove,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> schemas.NodeRead:
    """With everything below it, to another parent. 409 names the cycle that it would close."""
    node = await use_cases.move_node(session, CAPABILITIES, capability_id, body.parent_id, if_match=if_match)
    return await _one(session, CAPABILITIES, node, etag)


@router.delete(
    "/capabilities/{capability_id}", status_code=204, summary="Delete a business capability", tags=["Capabilities"]
)
async def delete_capability(
    capability_id: UUID, session: WriteSession, if_match: RequiredIfMatch, principal: Designer
) -> None:
    """409 counts what hangs from it: capabilities, services."""
    await use_cases.delete_node(session, CAPABILITIES, capability_id, if_match=if_match)


@router.put(
    "/capabilities/by-external-id/{system}/{identifier:path}",
    response_model=schemas.NodeRead,
    responses={201: {"model": schemas.NodeRead, "description": "It is new"}},
    summary="Create or change a business capability by its external id",
    tags=["Capabilities"],
    openapi_extra={"x-upsert": True},
)
async def upsert_capability(
    system: System,
    identifier: Identifier,
    body: schemas.NodeCreate,
    response: Response,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> schemas.NodeRead:
    """201 if it is new, else 200; what the body leaves out stays as it is."""
    node, new = await use_cases.upsert_node(session, CAPABILITIES, (system, identifier), body, if_match=if_match)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/capabilities/{node.id}"
    return await _one(session, CAPABILITIES, node, etag)
