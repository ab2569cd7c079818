"""Comparison: up to six offerings side by side, each respect a row."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain import comparison as domain
from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.tier import Better
from catalog_service.queries import attainment
from catalog_service.routes import NarrowedSight, Reader, sees_figures
from catalog_service.routes.observed import lead_time_read
from catalog_service.routes.prices import price_reads, service_costs, whose_price
from catalog_service.schemas.attainments import AttainmentRead
from catalog_service.tables import Offering
from services.errors import Fault, NotFound
from services.http import Api, Now, ReadSession

router = Api(prefix="/v1", tags=["Offerings"])


class OfferingsNotFound(NotFound): ...


@router.get("/comparisons", response_model=schemas.ComparisonRead, summary="Compare offerings")
async def compare_offerings(
    session: ReadSession,
    now: Now,
    principal: Reader,
    sight: NarrowedSight,
    offering_id: Annotated[list[UUID], Query(description="Two to six of them, repeated in the order of the columns")],
    business_unit_id: Annotated[
        UUID | None, Query(description="Whose prices to show; else yours, if it is one")
    ] = None,
) -> schemas.ComparisonRead:
    """Attributes, commitments and what became of them, price, cost, score, lead time; the best of a row is marked."""
    domain.check_ids(offering_id)
    query = select(Offering).where(Offering.id.in_(offering_id), queries.entitled(sight, lapsed=True))
    by_id = {offering.id: offering for offering in (await session.scalars(query)).unique()}
    if missing := [place for place, id_ in enumerate(offering_id) if id_ not in by_id]:
        raise OfferingsNotFound(
            f"no offering {offering_id[missing[0]]}",
            faults=[Fault(f"offering_id.{place}", "there is no such offering") for place in missing],
        )
    offerings = [by_id[id_] for id_ in offering_id]
    unit = whose_price(principal, sight.business_unit_id)
    columns = [schemas.ComparedOffering.model_validate(offering) for offering in offerings]
    scores = await queries.scores(session, (offering.service_id for offering in offerings))
    prices = await price_reads(session, offering_id, unit, now)
    lead_times = await attainment.observed_lead_times(session, offering_id)
    costs = await service_costs(session, {one.service_id for one in offerings}, now) if sees_figures(principal) else {}
    for column in columns:
        if (score := scores.get(column.service_id)) is not None:
            column.score = schemas.ScoreRead.model_validate(score)
        if (lead_time := lead_times.get(column.id)) is not None:
            column.observed_lead_time = lead_time_read(lead_time)
        column.price = prices.get(column.id)
        column.unit_cost = costs.get(column.service_id)
    attained = await attainment.latest_attainments(session, offering_id)
    return schemas.ComparisonRead(
        business_unit_id=unit,
        offerings=columns,
        attributes=_attribute_rows(offerings),
        commitments=_commitment_rows(offerings, attained),
        relations=[
            schemas.ComparedRelation.model_validate(relation)
            for offering in offerings
            for relation in offering.relations
            if relation.other_id in by_id
        ],
    )


def _attribute_rows(offerings: Sequence[Offering]) -> list[schemas.AttributeRow]:
    """In the order in which the offerings name them first."""
    said: list[dict[str, dict[str, Any]]] = [
        {attribute["key"]: attribute for attribute in (offering.tier or {}).get("attributes", [])}
        for offering in offerings
    ]
    rows = []
    for key in dict.fromkeys(key for attributes in said for key in attributes):
        given = [attributes.get(key) for attributes in said]
        values = [
            None
            if one is None
            else domain.Value(one["value"], one.get("unit"), None if not one.get("better") else Better(one["better"]))
            for one in given
        ]
        directions = {value.better for value in values if value is not None}
        rows.append(
            schemas.AttributeRow(
                key=key,
                name=next(one["name"] for one in given if one is not None),
                better=directions.pop() if len(directions) == 1 else None,
                values=[
                    None if value is None else schemas.ComparedValue(value=value.value, unit=value.unit)
                    for value in values
                ],
                best=domain.best_values(values),
            )
        )
    return rows


def _commitment_rows(
    offerings: Sequence[Offering], attained: dict[UUID, dict[str, Any]]
) -> list[schemas.CommitmentRow]:
    rows = []
    for kind in CommitmentKind:
        promises: list[schemas.ComparedPromise | None] = []
        for offering in offerings:
            promised = next((one for one in offering.commitments if one["kind"] == kind.value), None)
            if promised is None:
                promises.append(None)
                continue
            shown = schemas.ComparedPromise(target=promised["target"], unit=promised["unit"])
            if (result := attained.get(offering.id, {}).get(kind.value)) is not None:
                shown.attainment = AttainmentRead.model_validate(result)
            promises.append(shown)
        if any(promises):
            compared = [None if one is None else domain.Promise(one.target, one.unit) for one in promises]
            rows.append(
                schemas.CommitmentRow(
                    kind=kind,
                    better=domain.DIRECTIONS[kind],
                    promises=promises,
                    best=domain.best_promises(kind, compared),
                )
            )
    return rows
