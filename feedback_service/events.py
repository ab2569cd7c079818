"""What feedback publishes: public state only, never a free text, never an identity in a payload."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from feedback_service.domain.improvement import ImprovementState
from feedback_service.domain.scores import ScoreKind
from feedback_service.domain.sentiment import Label
from feedback_service.domain.thread import SubjectType, ThreadState
from services.events import EventData, event_type

_ID, _OTHER, _UNIT, _SERVICE = (f"019ab000-0000-7000-8000-00000000000{n}" for n in range(1, 5))


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True)


@event_type(
    "itaas.feedback.survey.sent.v1",
    summary="An invitation to a survey went out; the subject is the invitation",
    example={
        "id": _ID,
        "survey_id": _OTHER,
        "survey_version": 1,
        "business_unit_id": _UNIT,
        "subscription_id": _OTHER,
        "offering_id": _OTHER,
        "service_id": _SERVICE,
        "expires_at": "2026-12-08T09:00:00Z",
    },
)
class SurveySent(EventData):
    id: UUID
    survey_id: UUID
    survey_version: int
    business_unit_id: UUID
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    expires_at: datetime


class ScoreGiven(_Part):
    kind: ScoreKind
    score: int


@event_type(
    "itaas.feedback.response.received.v1",
    summary="Somebody answered a survey",
    example={
        "id": _ID,
        "invitation_id": _OTHER,
        "survey_id": _OTHER,
        "business_unit_id": _UNIT,
        "service_id": _SERVICE,
        "offering_id": _OTHER,
        "scores": [{"kind": "nps", "score": 9}],
    },
)
class ResponseReceived(EventData):
    id: UUID
    invitation_id: UUID
    survey_id: UUID
    business_unit_id: UUID
    service_id: UUID
    offering_id: UUID
    scores: list[ScoreGiven]


@event_type(
    "itaas.feedback.score.updated.v1",
    summary="A response moved a score of a service; the subject is the service",
    example={
        "service_id": _SERVICE,
        "kind": "nps",
        "score": 33.3,
        "n": 12,
        "low": -8.7,
        "high": 75.4,
        "withheld": False,
    },
)
class ScoreUpdated(EventData):
    service_id: UUID
    kind: ScoreKind
    score: float | None
    n: int
    low: float | None
    high: float | None
    withheld: bool


class SentimentShown(_Part):
    label: Label
    score: float


class ThreadShown(EventData):
    id: UUID
    subject_type: SubjectType
    subject_id: UUID
    service_id: UUID | None
    business_unit_id: UUID
    state: ThreadState
    rating: int | None
    sentiment: SentimentShown | None
    replies: int


_THREAD = {
    "id": _ID,
    "subject_type": "offering",
    "subject_id": _OTHER,
    "service_id": _SERVICE,
    "business_unit_id": _UNIT,
    "state": "open",
    "rating": 2,
    "sentiment": {"label": "negative", "score": -0.54},
    "replies": 0,
}


@event_type("itaas.feedback.thread.opened.v1", summary="Somebody remarked on something", example=_THREAD)
class ThreadOpened(ThreadShown): ...


@event_type(
    "itaas.feedback.thread.replied.v1",
    summary="A thread got a reply, of its author or of IT",
    example=_THREAD | {"state": "answered", "replies": 1},
)
class ThreadReplied(ThreadShown): ...


@event_type(
    "itaas.feedback.thread.closed.v1",
    summary="A thread was closed",
    example=_THREAD | {"state": "closed", "replies": 1},
)
class ThreadClosed(ThreadShown): ...


@event_type(
    "itaas.feedback.theme.named.v1",
    summary="Several threads were found to be about the same thing",
    example={
        "id": _ID,
        "service_id": _SERVICE,
        "name": "Slow provisioning",
        "thread_ids": [_OTHER],
        "n": 1,
        "sentiment": -0.54,
    },
)
class ThemeNamed(EventData):
    id: UUID
    service_id: UUID
    name: str
    thread_ids: list[UUID]
    n: int
    sentiment: float


class TargetShown(_Part):
    measure: ScoreKind


class BaselineShown(_Part):
    score: float
    n: int


class ImprovementShown(EventData):
    id: UUID
    service_id: UUID
    title: str
    state: ImprovementState
    theme_ids: list[UUID]
    demand_ids: list[UUID]
    target: TargetShown
    baseline: BaselineShown | None
    revision_number: int | None
    contributors: int


_IMPROVEMENT = {
    "id": _ID,
    "service_id": _SERVICE,
    "title": "Provision within a day",
    "state": "planned",
    "theme_ids": [_OTHER],
    "demand_ids": [],
    "target": {"measure": "nps"},
    "baseline": {"score": -20.0, "n": 15},
    "revision_number": None,
    "contributors": 0,
}


@event_type("itaas.feedback.improvement.planned.v1", summary="An improvement is promised", example=_IMPROVEMENT)
class ImprovementPlanned(ImprovementShown): ...


@event_type(
    "itaas.feedback.improvement.shipped.v1",
    summary="A published revision of the service delivers the improvement; its contributors have been told",
    example=_IMPROVEMENT | {"state": "shipped", "revision_number": 4, "contributors": 3},
)
class ImprovementShipped(ImprovementShown): ...


PUBLISHED: list[type[EventData]] = [
    SurveySent,
    ResponseReceived,
    ScoreUpdated,
    ThreadOpened,
    ThreadReplied,
    ThreadClosed,
    ThemeNamed,
    ImprovementPlanned,
    ImprovementShipped,
]
