"""Tables of the feedback database."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.db import Aggregate, JsonDocument, Projection, UtcInstant, new_metadata
from services.ids import uuid7


class Base(DeclarativeBase):
    metadata = new_metadata()


class Survey(Aggregate, Base):
    """A questionnaire and when it goes out; `questions` are those of `survey_version`, the newest."""

    __tablename__ = "survey"
    __table_args__ = (Index("ix_survey_trigger", "trigger"),)

    name: Mapped[str]
    trigger: Mapped[str]
    service_id: Mapped[UUID | None]  # null: whatever the service
    active: Mapped[bool]
    expires_after_days: Mapped[int]
    survey_version: Mapped[int]
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)


class SurveyVersion(Base):
    """The questions of one version, never changed: what an invitation asks, and what answers are held against."""

    __tablename__ = "survey_version"

    survey_id: Mapped[UUID] = mapped_column(ForeignKey("survey.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    created_at: Mapped[datetime] = mapped_column(UtcInstant)


class Invitation(Aggregate, Base):
    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("survey_id", "subscription_id"),
        ForeignKeyConstraint(["survey_id", "survey_version"], ["survey_version.survey_id", "survey_version.number"]),
        Index("ix_invitation_business_unit_id", "business_unit_id", "id"),
        Index("ix_invitation_subscription_id", "subscription_id"),
    )

    survey_id: Mapped[UUID]
    survey_version: Mapped[int]
    business_unit_id: Mapped[UUID]
    subscription_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    person_id: Mapped[str | None]  # whom it is addressed to; null: any consumer of the unit
    state: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(UtcInstant)

    asked: Mapped[SurveyVersion] = relationship(lazy="selectin")

    @property
    def questions(self) -> list[dict[str, Any]]:
        return self.asked.questions


class Response(Aggregate, Base):
    """One answered invitation. What was said stands in its answers, outside of the audit trail."""

    __tablename__ = "response"
    __table_args__ = (Index("ix_response_service_id", "service_id"),)

    invitation_id: Mapped[UUID] = mapped_column(ForeignKey("invitation.id"), unique=True)
    survey_id: Mapped[UUID]
    survey_version: Mapped[int]
    business_unit_id: Mapped[UUID]
    subscription_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    person_id: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(UtcInstant)

    answers: Mapped[list["Answer"]] = relationship(lazy="selectin", order_by="Answer.number")


class Answer(Base):
    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("response_id", "question_id"),)

    response_id: Mapped[UUID] = mapped_column(ForeignKey("response.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[str]
    kind: Mapped[str]
    score: Mapped[int | None]
    choice: Mapped[str | None]
    text: Mapped[str | None]


class ServiceScores(Aggregate, Base):
    """The scores of a service, as one aggregate: its id is the service's, its version orders `score.updated`."""

    __tablename__ = "service_scores"


class ScoreTally(Base):
    """The rollup: exact counts of one kind of answers on one service, moved in the transaction of each response."""

    __tablename__ = "score_tally"
    __table_args__ = (UniqueConstraint("service_id", "kind"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service_scores.id"))
    kind: Mapped[str]
    n: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    squares: Mapped[int] = mapped_column(BigInteger)
    favourable: Mapped[int] = mapped_column(BigInteger)
    unfavourable: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(UtcInstant)


class Thread(Aggregate, Base):
    """A remark and its conversation. Sentiment is that of the remark; the texts are in `messages`."""

    __tablename__ = "thread"
    __table_args__ = (
        Index("ix_thread_service_id", "service_id", "id"),
        Index("ix_thread_business_unit_id", "business_unit_id", "id"),
        Index("ix_thread_subject_id", "subject_id", "id"),
    )

    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    service_id: Mapped[UUID]
    business_unit_id: Mapped[UUID]
    author_id: Mapped[str]
    rating: Mapped[int | None]
    state: Mapped[str]
    sentiment: Mapped[dict[str, Any]] = mapped_column(JsonDocument)  # see Message.sentiment
    sentiment_score: Mapped[float]
    replies: Mapped[int]

    messages: Mapped[list["Message"]] = relationship(lazy="selectin", order_by="Message.number")


class Message(Base):
    """What was said, as written. Outside of the audit trail, which keeps no free text; erased with its thread."""

    __tablename__ = "message"

    thread_id: Mapped[UUID] = mapped_column(ForeignKey("thread.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    speaker: Mapped[str]
    person_id: Mapped[str | None]  # null: the system
    text: Mapped[str]
    sentiment: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)  # label, score, aspects, model
    created_at: Mapped[datetime] = mapped_column(UtcInstant)


class Theme(Aggregate, Base):
    """What several threads are about. `n` and `sentiment` are those of its threads when it was named."""

    __tablename__ = "theme"
    __table_args__ = (Index("ix_theme_service_id", "service_id", "id"),)

    service_id: Mapped[UUID]
    name: Mapped[str]
    n: Mapped[int]
    sentiment: Mapped[float]

    threads: Mapped[list["ThemeThread"]] = relationship(lazy="selectin", order_by="ThemeThread.thread_id")

    @property
    def thread_ids(self) -> list[UUID]:
        return [link.thread_id for link in self.threads]


class ThemeThread(Base):
    __tablename__ = "theme_thread"

    theme_id: Mapped[UUID] = mapped_column(ForeignKey("theme.id"), primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("thread.id"), primary_key=True, index=True)


class Improvement(Aggregate, Base):
    __tablename__ = "improvement"
    __table_args__ = (Index("ix_improvement_service_id", "service_id", "id"),)

    service_id: Mapped[UUID]
    title: Mapped[str]
    state: Mapped[str]
    target: Mapped[dict[str, Any]] = mapped_column(JsonDocument)  # measure
    baseline: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)  # score, n, low, high when it was planned
    demand_ids: Mapped[list[str]] = mapped_column(JsonDocument)
    revision_number: Mapped[int | None]
    shipped_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    contributors: Mapped[int]

    themes: Mapped[list["ImprovementTheme"]] = relationship(lazy="selectin", order_by="ImprovementTheme.theme_id")

    @property
    def theme_ids(self) -> list[UUID]:
        return [link.theme_id for link in self.themes]


class ImprovementTheme(Base):
    __tablename__ = "improvement_theme"

    improvement_id: Mapped[UUID] = mapped_column(ForeignKey("improvement.id"), primary_key=True)
    theme_id: Mapped[UUID] = mapped_column(ForeignKey("theme.id"), primary_key=True, index=True)


class ShipmentClaim(Base):
    """That a published revision said it delivers an improvement, and what became of it."""

    __tablename__ = "shipment_claim"
    __table_args__ = (UniqueConstraint("service_id", "revision_number", "improvement_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    service_id: Mapped[UUID]
    revision_number: Mapped[int]
    improvement_id: Mapped[UUID]  # as claimed: it need not exist
    outcome: Mapped[str]
    claimed_at: Mapped[datetime] = mapped_column(UtcInstant)


class KnownService(Projection, Base):
    __tablename__ = "known_service"

    name: Mapped[str]
    owner_id: Mapped[str | None]


class KnownOffering(Projection, Base):
    __tablename__ = "known_offering"

    name: Mapped[str]
    service_id: Mapped[UUID]
