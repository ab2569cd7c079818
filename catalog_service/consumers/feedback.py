"""What the catalogue keeps of feedback's facts: scores."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import KnownImprovement, KnownTheme, ServiceScore
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class ScoreSeen(EventSeen):
    service_id: UUID
    kind: str
    score: Decimal | None
    n: int
    low: Decimal | None
    high: Decimal | None
    withheld: bool


@consumers.projection("itaas.feedback.score.updated.v1", ServiceScore)
async def know_score(session: AsyncSession, event: Delivery[ScoreSeen], now: datetime) -> None:
    # The subject is the service, whatever the kind of score: each kind has its row and its own sequence.
    row = replace(event, subject=uuid5(event.data.service_id, event.data.kind))
    await project(session, ServiceScore, row, event.data.model_dump())


class ThemeSeen(EventSeen):
    service_id: UUID
    name: str


@consumers.projection("itaas.feedback.theme.named.v1", KnownTheme)
async def know_theme(session: AsyncSession, event: Delivery[ThemeSeen], now: datetime) -> None:
    await project(session, KnownTheme, event, event.data.model_dump())


class ImprovementSeen(EventSeen):
    service_id: UUID
    title: str
    state: str


@consumers.projection("itaas.feedback.improvement.*", KnownImprovement)
async def know_improvement(session: AsyncSession, event: Delivery[ImprovementSeen], now: datetime) -> None:
    await project(session, KnownImprovement, event, event.data.model_dump())
