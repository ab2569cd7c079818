"""Scorecards: rules with levels, and how every service stands on them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Response
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain.facts import FACTS
from catalog_service.domain.predicate import OPERATORS
from catalog_service.routes import Designer, Planner
from catalog_service.tables import Scorecard, ScorecardLevelChange, ScorecardResult
from catalog_service.use_cases import scorecard_evaluation
from catalog_service.use_cases import scorecards as use_cases
from services.http import (
    Api,
    Etag,
    JobRead,
    Now,
    Page,
    Paging,
    ReadSession,
    RequiredIfMatch,
    WriteSession,
    accepted_job,
    paginate,
)

router = Api(prefix="/v1", tags=["Scorecards"])
CardKey = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", examples=["production-ready"])]


@router.get("/scorecard-facts", response_model=list[schemas.FactRead], summary="List the facts that rules can ask for")
async def list_facts(principal: Planner) -> list[schemas.FactRead]:
    """Each with its kind and the operators that compare it."""
    return [
        schemas.FactRead(name=name, kind=fact.kind, meaning=fact.meaning, operators=list(OPERATORS[fact.kind]))
        for name, fact in FACTS.items()
    ]


@router.post("/scorecards", response_model=schemas.ScorecardRead, status_code=201, summary="Make a scorecard")
async def create_scorecard(
    body: schemas.ScorecardCreate, response: Response, session: WriteSession, now: Now, etag: Etag, principal: Designer
) -> Scorecard:
    """All services are rated on it at once, and every night. 422 names every fault of its rules."""
    card = await use_cases.create_scorecard(session, body, principal=principal, now=now)
    response.headers["Location"] = f"/v1/scorecards/{card.key}"
    return etag(card)


@router.get("/scorecards", response_model=Page[schemas.ScorecardRead], summary="List scorecards")
async def list_scorecards(session: ReadSession, paging: Paging, principal: Planner) -> Page[Any]:
    """Oldest first."""
    return await paginate(session, select(Scorecard), Scorecard.id, paging)


@router.get("/scorecards/{key}", response_model=schemas.ScorecardRead, summary="Read a scorecard")
async def read_scorecard(key: CardKey, session: ReadSession, etag: Etag, principal: Planner) -> Scorecard:
    """Its levels from the lowest to the highest, and its rules."""
    return etag(await queries.the_scorecard(session, key))


@router.patch("/scorecards/{key}", response_model=schemas.ScorecardRead, summary="Change a scorecard")
async def change_scorecard(
    key: CardKey,
    body: schemas.ScorecardChange,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> Scorecard:
    """What is left out stays as it is. All services are rated anew; until then results name the older version."""
    return etag(await use_cases.change_scorecard(session, key, body, principal=principal, if_match=if_match))


@router.delete("/scorecards/{key}", status_code=204, summary="Drop a scorecard")
async def drop_scorecard(key: CardKey, session: WriteSession, if_match: RequiredIfMatch, principal: Designer) -> None:
    """With its results and their history."""
    await use_cases.drop_scorecard(session, key, principal=principal, if_match=if_match)


@router.post("/scorecards/{key}/evaluate", status_code=202, summary="Rate all services on a scorecard")
async def evaluate_scorecard(key: CardKey, response: Response, session: WriteSession, principal: Designer) -> JobRead:
    """A job: its result counts the services, and those whose level has changed."""
    card = await queries.the_scorecard(session, key)
    return accepted_job(response, await scorecard_evaluation.start_evaluation(session, card))


@router.get("/scorecards/{key}/results", response_model=schemas.ScorecardResults, summary="List how services stand")
async def list_results(
    key: CardKey,
    session: ReadSession,
    paging: Paging,
    principal: Planner,
    level: Annotated[
        str | None,
        Query(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", description="Only those on this level; `none`: on no level"),
    ] = None,
    applies: Annotated[bool | None, Query(description="Only those that the card is for, or is not for")] = None,
) -> schemas.ScorecardResults:
    """Each service with its level and every rule's outcome; how many there are on each level."""
    card = await queries.the_scorecard(session, key)
    query = queries.results(card.id, level=level, applies=applies)
    page = await paginate(session, query, ScorecardResult.service_id, paging)
    names = await queries.names_and_states(session, (row.service_id for row in page.items))
    counts, outside = await queries.level_counts(session, card.id)
    levels: list[str | None] = [*(each["key"] for each in reversed(card.levels)), None]
    levels += [each for each in counts if each not in levels]  # of an older version, until all are rated anew
    return schemas.ScorecardResults(
        items=[_read(row, card.key, names[row.service_id][0]) for row in page.items],
        next_cursor=page.next_cursor,
        counts=[schemas.LevelCount(level=each, services=counts.get(each, 0)) for each in levels],
        not_applicable=outside,
    )


@router.get(
    "/services/{service_id}/scorecards",
    response_model=Page[schemas.ScorecardResultRead],
    summary="List how a service stands on all scorecards",
)
async def list_service_scorecards(
    service_id: UUID, session: ReadSession, paging: Paging, principal: Planner
) -> Page[schemas.ScorecardResultRead]:
    """The oldest card first; a card on which the service has not been rated yet is not among them."""
    service = await queries.the_service(session, service_id)
    query = select(ScorecardResult).where(ScorecardResult.service_id == service_id)
    page = await paginate(session, query, ScorecardResult.scorecard_id, paging)
    cards = select(Scorecard.id, Scorecard.key).where(Scorecard.id.in_([row.scorecard_id for row in page.items]))
    keys = {card_id: key for card_id, key in await session.execute(cards)}
    items = [_read(row, keys[row.scorecard_id], service.name) for row in page.items]
    return Page[schemas.ScorecardResultRead](items=items, next_cursor=page.next_cursor)


@router.get(
    "/services/{service_id}/scorecards/{key}/changes",
    response_model=Page[schemas.LevelChangeRead],
    summary="List a service's changes of level",
)
async def list_level_changes(
    service_id: UUID, key: CardKey, session: ReadSession, paging: Paging, principal: Planner
) -> Page[Any]:
    """From which level to which, when, and by which version of the card; oldest first."""
    await queries.the_service(session, service_id)
    card = await queries.the_scorecard(session, key)
    query = select(ScorecardLevelChange).where(
        ScorecardLevelChange.service_id == service_id, ScorecardLevelChange.scorecard_id == card.id
    )
    return await paginate(session, query, ScorecardLevelChange.id, paging)


def _read(row: ScorecardResult, key: str, name: str) -> schemas.ScorecardResultRead:
    row_values = {
        column: getattr(row, column)
        for column in ("service_id", "applies", "level", "passed", "failed", "unknown", "rules")
    }
    return schemas.ScorecardResultRead(
        **row_values,
        scorecard_key=key,
        service_name=name,
        evaluated_at=row.evaluated_at,
        scorecard_version=row.scorecard_version,
    )
