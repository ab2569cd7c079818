"""Browse: the list of offerings as its reader may see it, searched, narrowed and counted."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID
from weakref import WeakKeyDictionary

from fastapi import Depends, Query, Request, Response

from catalog_service import queries, schemas
from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.offering import OfferingState
from catalog_service.routes import NO_NUL, ExternalIdFilter, NarrowedSight
from catalog_service.routes.observed import show_lead_times
from catalog_service.tables import Offering
from catalog_service.use_cases import search_index
from services.db import Database
from services.http import Api, JobRead, Page, Paging, ReadSession, WriteSession, accepted_job, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Offerings"])

Words = Annotated[
    str | None,
    Query(max_length=200, pattern=NO_NUL, description="Words that are all to be found, in any order and case"),
]


def _filters(
    service_id: UUID | None = None,
    taxonomy_node_id: Annotated[UUID | None, Query(description="This node and what is below it")] = None,
    capability_id: Annotated[UUID | None, Query(description="Provided by the service: this or one below it")] = None,
    tier: Annotated[str | None, Query(max_length=200, pattern=NO_NUL, description="The tier's name")] = None,
    state: OfferingState | None = None,
    commitment: Annotated[CommitmentKind | None, Query(description="A kind that it promises")] = None,
    audience: Annotated[
        str | None,
        Query(
            pattern=r"^(everyone|business_unit:[0-9a-f-]{36}|role:[a-z_]{1,40})$",
            description="That its audience names: `everyone`, `business_unit:<id>` or `role:<role>`",
        ),
    ] = None,
    external_id: ExternalIdFilter = None,
) -> queries.Filters:
    return queries.Filters(service_id, taxonomy_node_id, capability_id, tier, state, commitment, audience, external_id)


Filters = Annotated[queries.Filters, Depends(_filters)]


_INDEXES: WeakKeyDictionary[Database, queries.SearchIndex] = WeakKeyDictionary()


def _search_index(request: Request) -> queries.SearchIndex:
    """That of the app's database: made on the first search, gone with the database."""
    database: Database = request.app.state.runtime.database
    index = _INDEXES.get(database)
    if index is None:
        index = _INDEXES[database] = queries.SearchIndex()
    return index


SearchIndex = Annotated[queries.SearchIndex, Depends(_search_index)]


_NUMBER_BITS = 40  # of a cursor; those before them are the cost


def _split(position: int | None) -> tuple[int, int] | None:
    return None if position is None else (position >> _NUMBER_BITS, position & ((1 << _NUMBER_BITS) - 1))


@router.get("/offerings", response_model=Page[schemas.FoundOffering], summary="List and search offerings")
async def list_offerings(
    session: ReadSession,
    paging: Paging,
    sight: NarrowedSight,
    filters: Filters,
    index: SearchIndex,
    q: Words = None,
) -> Page[schemas.FoundOffering]:
    """The oldest first; with `q`, the best match first, and with how it matched. Everyone sees what is for them."""
    dialect = session.get_bind().dialect.name
    if q is None or not q.strip():
        page = await paginate(session, queries.offered_to(sight, filters, dialect), Offering.id, paging)
        return Page[schemas.FoundOffering].model_construct(
            items=await _shown(session, page.items), next_cursor=page.next_cursor
        )
    hits = await index.find(session, q)
    found = await queries.page_of_hits(
        session, hits, index.words.offering_ids, sight, filters, after=_split(paging.position()), limit=paging.limit
    )
    by_id = await queries.items_by_id(session, found.offering_ids)
    items = await _shown(session, [by_id[offering_id] for offering_id in found.offering_ids])
    matches = hits.explain([number for _, number in found.positions])
    for item, (_, number) in zip(items, found.positions, strict=True):
        item.match = [
            schemas.MatchRead(word=match.word, field=match.field.name.lower(), how=match.how.value)
            for match in matches[number]
        ]
    cursor = None
    if found.more:
        cost, number = found.positions[-1]
        cursor = paging.next_page(cost << _NUMBER_BITS | number)
    return Page[schemas.FoundOffering].model_construct(items=items, next_cursor=cursor)


async def _shown(session: ReadSession, offerings: Sequence[Offering]) -> list[schemas.FoundOffering]:
    """Each with what its users say of the service."""
    scores = await queries.scores(session, (offering.service_id for offering in offerings))
    items = [schemas.FoundOffering.model_validate(offering) for offering in offerings]
    for item in items:
        if (score := scores.get(item.service_id)) is not None:
            item.score = schemas.ScoreRead.model_validate(score)
    await show_lead_times(session, items)
    return items


@router.get("/offerings/facets", response_model=schemas.FacetsRead, summary="Count offerings by facet")
async def count_facets(
    session: ReadSession, sight: NarrowedSight, filters: Filters, index: SearchIndex, q: Words = None
) -> queries.Facets:
    """Of what the list with the same parameters shows: by service, node, capability, tier, state, promise, audience."""
    found = None
    if q is not None and q.strip():
        hits = await index.find(session, q)
        known = index.words.offering_ids
        found = [known[number] for number in hits.numbers()]
    return await queries.facets_of(session, sight, filters, found)


@router.post(
    "/search-index/rebuild", response_model=JobRead, status_code=202, summary="Have all offerings read anew for search"
)
async def rebuild_search_index(
    response: Response, session: WriteSession, principal: Annotated[Principal, may(Role.ADMIN)]
) -> JobRead:
    """Needed only where rows were changed by something else than this app; searches go on meanwhile."""
    return accepted_job(response, await search_index.start_rebuild(session))
