"""Request and response bodies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt

from feedback_service.domain.effect import Verdict
from feedback_service.domain.improvement import ClaimOutcome, ImprovementState
from feedback_service.domain.invitation import InvitationState
from feedback_service.domain.scores import ScoreKind
from feedback_service.domain.sentiment import Aspect, Label
from feedback_service.domain.survey import Answer as AnswerGiven
from feedback_service.domain.survey import Question, QuestionKind, Trigger
from feedback_service.domain.thread import RATING_HIGHEST, RATING_LOWEST, TEXT_MAX, Speaker, SubjectType, ThreadState
from services.http import Body, Read

Line = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
# Texts are measured by the domain, which refuses them by name; the body's own limit is far above.
_TEXTS = ConfigDict(str_max_length=4_000_000)
Text = Annotated[str, Field(description=f"At most {TEXT_MAX} characters; kept as written, markup is only text")]

# ── surveys ──


class QuestionWrite(Body):
    id: Annotated[str, Field(max_length=100, description="Answers name it; q1, q2, … where left out")] = ""
    kind: QuestionKind
    text: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
    required: bool = False
    choices: Sequence[Line] = ()

    def question(self) -> Question:
        return Question(self.id, self.kind, self.text, self.required, tuple(self.choices))


class SurveyWrite(Body):
    name: Line
    trigger: Trigger
    service_id: Annotated[UUID | None, Field(description="Only subscriptions to this service; null: to any")] = None
    questions: list[QuestionWrite]
    expires_after_days: Annotated[StrictInt, Field(ge=1, le=365)] = 14
    active: Annotated[bool, Field(description="Whether it still goes out")] = True


class QuestionRead(Read):
    id: str
    kind: QuestionKind
    text: str
    required: bool
    choices: list[str]


class SurveyRead(Read):
    id: UUID
    name: str
    trigger: Trigger
    service_id: UUID | None
    survey_version: int
    questions: list[QuestionRead]
    expires_after_days: int
    active: bool
    created_at: datetime
    updated_at: datetime


class InvitationRead(Read):
    id: UUID
    survey_id: UUID
    survey_version: int
    questions: list[QuestionRead]
    business_unit_id: UUID
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    state: InvitationState
    expires_at: datetime
    created_at: datetime


class AnswerWrite(Body):
    model_config = _TEXTS

    question_id: Annotated[str, Field(max_length=100)]
    score: StrictInt | None = None
    choice: str | None = None
    text: Annotated[str | None, Field(pattern=r"^[^\x00]*$")] = None

    def answer(self) -> AnswerGiven:
        return AnswerGiven(self.question_id, self.score, self.choice, self.text)


class ResponseCreate(Body):
    answers: Annotated[list[AnswerWrite], Field(max_length=100)]


class AnswerRead(Read):
    question_id: str
    kind: QuestionKind
    score: int | None
    choice: str | None
    text: str | None


class ResponseRead(Read):
    id: UUID
    invitation_id: UUID
    survey_id: UUID
    survey_version: int
    business_unit_id: UUID
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    answers: list[AnswerRead]
    received_at: datetime


# ── scores ──


class ScoreRead(Read):
    kind: ScoreKind
    subject_type: Literal["service"] = "service"
    subject_id: UUID
    score: Annotated[float | None, Field(description="NPS and CSAT in percent, CES as a mean; null while withheld")]
    n: int
    low: Annotated[float | None, Field(description="Lower end of the 95 % interval")]
    high: float | None
    withheld: Annotated[bool, Field(description="Too few answers to show a score")]
    updated_at: datetime


class ScorePreviewCreate(Body):
    kind: ScoreKind
    responses: Annotated[list[StrictInt], Field(max_length=100_000)]


class ScorePreview(Read):
    score: float | None
    n: int
    low: float | None
    high: float | None
    withheld: bool


class EffectPreviewCreate(Body):
    kind: ScoreKind
    before: Annotated[list[StrictInt], Field(max_length=100_000)]
    after: Annotated[list[StrictInt], Field(max_length=100_000)]


class EffectPreview(Read):
    effect: float | None
    low: float | None
    high: float | None
    n_before: int
    n_after: int
    verdict: Verdict


# ── sentiment ──


class AspectSentimentRead(Read):
    aspect: Aspect
    label: Label
    score: Annotated[float, Field(ge=-1, le=1)]


class SentimentRead(Read):
    label: Label
    score: Annotated[float, Field(ge=-1, le=1)]
    aspects: list[AspectSentimentRead]
    model: Annotated[str, Field(description="Version of the model; scores of different ones do not compare")]


class SentimentPreviewCreate(Body):
    model_config = _TEXTS

    texts: Annotated[list[str], Field(min_length=1, max_length=100)]


class SentimentPreviews(Read):
    items: Sequence[SentimentRead]


# ── threads ──


class ThreadCreate(Body):
    model_config = _TEXTS

    subject_type: SubjectType
    subject_id: UUID
    business_unit_id: UUID
    text: Text
    rating: Annotated[StrictInt | None, Field(ge=RATING_LOWEST, le=RATING_HIGHEST)] = None


class ReplyCreate(Body):
    model_config = _TEXTS

    text: Text


class MessageRead(Read):
    number: int
    speaker: Speaker
    person_id: str | None
    text: str
    sentiment: SentimentRead | None
    created_at: datetime


class ThreadRead(Read):
    id: UUID
    subject_type: SubjectType
    subject_id: UUID
    service_id: UUID
    business_unit_id: UUID
    author_id: str
    rating: int | None
    state: ThreadState
    sentiment: Annotated[SentimentRead, Field(description="Of the remark that opened it")]
    replies: int
    messages: Annotated[list[MessageRead], Field(description="The remark first, then replies and notices")]
    created_at: datetime
    updated_at: datetime


# ── themes and improvements ──


class ThemeCreate(Body):
    service_id: UUID
    name: Line
    thread_ids: Annotated[list[UUID], Field(min_length=1, max_length=1_000)]


class ThemeRead(Read):
    id: UUID
    service_id: UUID
    name: str
    thread_ids: list[UUID]
    n: int
    sentiment: Annotated[float, Field(description="Mean sentiment of its threads, −1 to 1")]
    created_at: datetime


class Target(Read):
    model_config = ConfigDict(extra="forbid", from_attributes=True)

    measure: ScoreKind


class ImprovementCreate(Body):
    service_id: UUID
    title: Line
    theme_ids: Annotated[list[UUID], Field(max_length=100)]
    demand_ids: Annotated[Sequence[UUID], Field(max_length=100)] = ()
    target: Target


class Baseline(Read):
    score: float
    n: int
    low: float
    high: float


class ImprovementRead(Read):
    id: UUID
    service_id: UUID
    title: str
    state: ImprovementState
    theme_ids: list[UUID]
    demand_ids: list[UUID]
    target: Target
    baseline: Annotated[Baseline | None, Field(description="The target's score when planned; null if withheld then")]
    revision_number: int | None
    shipped_at: datetime | None
    contributors: int
    created_at: datetime
    updated_at: datetime


class ShipmentClaimRead(Read):
    id: UUID
    service_id: UUID
    revision_number: int
    improvement_id: UUID
    outcome: ClaimOutcome
    claimed_at: datetime
