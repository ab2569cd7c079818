"""Lists: what a caller may see, narrowed by what they ask for (None does not narrow)."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from feedback_service.tables import Improvement, Invitation, ScoreTally, ShipmentClaim, Survey, Theme, Thread
from services.identity import Units


def surveys(*, trigger: str | None, active: bool | None) -> Select[tuple[Survey]]:
    return _narrowed(select(Survey), (Survey.trigger, trigger), (Survey.active, active))


def invitations(
    units: Units, *, business_unit_id: UUID | None, subscription_id: UUID | None, state: str | None
) -> Select[tuple[Invitation]]:
    query = _in_sight(select(Invitation), Invitation.business_unit_id, units, business_unit_id)
    return _narrowed(query, (Invitation.subscription_id, subscription_id), (Invitation.state, state))


def scores(*, service_id: UUID | None, kind: str | None) -> Select[tuple[ScoreTally]]:
    return _narrowed(select(ScoreTally), (ScoreTally.service_id, service_id), (ScoreTally.kind, kind))


def threads(
    units: Units,
    *,
    business_unit_id: UUID | None,
    service_id: UUID | None,
    subject_id: UUID | None,
    author_id: str | None,
    state: str | None,
) -> Select[tuple[Thread]]:
    query = _in_sight(select(Thread), Thread.business_unit_id, units, business_unit_id)
    return _narrowed(
        query,
        (Thread.service_id, service_id),
        (Thread.subject_id, subject_id),
        (Thread.author_id, author_id),
        (Thread.state, state),
    )


def themes(*, service_id: UUID | None) -> Select[tuple[Theme]]:
    return _narrowed(select(Theme), (Theme.service_id, service_id))


def improvements(*, service_id: UUID | None, state: str | None) -> Select[tuple[Improvement]]:
    return _narrowed(select(Improvement), (Improvement.service_id, service_id), (Improvement.state, state))


def shipment_claims(
    *, service_id: UUID | None, improvement_id: UUID | None, outcome: str | None
) -> Select[tuple[ShipmentClaim]]:
    return _narrowed(
        select(ShipmentClaim),
        (ShipmentClaim.service_id, service_id),
        (ShipmentClaim.improvement_id, improvement_id),
        (ShipmentClaim.outcome, outcome),
    )


def _narrowed(query: Select[Any], *wanted: tuple[Any, Any]) -> Select[Any]:
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return query


def _in_sight(query: Select[Any], column: Any, units: Units, business_unit_id: UUID | None) -> Select[Any]:
    """Rows of the asked unit (refused if it is out of sight), or of every unit in sight."""
    if business_unit_id is not None:
        units.require(business_unit_id, pointer="business_unit_id")
        return query.where(column == business_unit_id)
    return query if units.visible is None else query.where(column.in_(units.visible))
