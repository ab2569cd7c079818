"""Invitations: sent when a subscription becomes active, answered once, or expired."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain import invitation as domain
from feedback_service.domain import survey as survey_domain
from feedback_service.domain.survey import Trigger
from feedback_service.events import ResponseReceived, ScoreGiven, SurveySent
from feedback_service.tables import Answer, Invitation, Response, Survey, SurveyVersion
from feedback_service.use_cases.scores import count_scores
from feedback_service.use_cases.surveys import questions_of
from services.db import touch
from services.errors import NotFound
from services.events import record
from services.http import check_version
from services.identity import Principal, Role, Units
from services.work import Timers

timers = Timers()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to ask about: a subscription, and who asked for it (a person_id, if known)."""

    subscription_id: UUID
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    person_id: str | None


async def send_surveys(session: AsyncSession, trigger: Trigger, occasion: Occasion, *, now: datetime) -> None:
    """One invitation for each active survey that goes out on `trigger`; a subscription is asked once per survey."""
    matching = (
        select(Survey)
        .where(Survey.trigger == trigger, Survey.active.is_(True))
        .where(or_(Survey.service_id.is_(None), Survey.service_id == occasion.service_id))
        .order_by(Survey.id)
    )
    asked = select(Invitation.survey_id).where(Invitation.subscription_id == occasion.subscription_id)
    asked_already = set(await session.scalars(asked))
    for survey in (await session.scalars(matching)).all():
        if survey.id in asked_already:
            continue
        invitation = Invitation(
            survey_id=survey.id,
            survey_version=survey.survey_version,
            business_unit_id=occasion.business_unit_id,
            subscription_id=occasion.subscription_id,
            offering_id=occasion.offering_id,
            service_id=occasion.service_id,
            person_id=occasion.person_id,
            state=domain.InvitationState.SENT,
            expires_at=now + timedelta(days=survey.expires_after_days),
        )
        session.add(invitation)
        record(session, invitation, SurveySent)
        timers.set(
            session,
            "invitation-expiry",
            due_at=invitation.expires_at,
            payload={"invitation_id": str(invitation.id)},
        )


@timers.handler("invitation-expiry")
async def expire_invitation(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    invitation = await session.get(Invitation, UUID(payload["invitation_id"]), with_for_update=True)
    if invitation is None:
        return
    state = domain.expire(domain.InvitationState(invitation.state), expires_at=invitation.expires_at, now=now)
    if state != invitation.state:
        invitation.state = state
        touch(invitation)


async def get_invitation(session: AsyncSession, invitation_id: UUID, *, units: Units) -> Invitation:
    invitation = await session.get(Invitation, invitation_id)
    if invitation is None:
        raise NotFound(f"there is no invitation {invitation_id}")
    units.require(invitation.business_unit_id, pointer="invitation_id")
    return invitation


async def respond(
    session: AsyncSession,
    invitation_id: UUID,
    answers: Sequence[survey_domain.Answer],
    *,
    principal: Principal,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Response:
    """Take the response to an invitation, and move the scores of its service in the same transaction.

    Raises NotInvited, InvitationAnswered, InvitationExpired or AnswersDoNotFit (in this order).
    """
    invitation = await session.get(Invitation, invitation_id, with_for_update=True)
    if invitation is None:
        raise NotFound(f"there is no invitation {invitation_id}")
    domain.require_invited(
        addressed_to=invitation.person_id,
        person_id=principal.person_id,
        consumer_of_that_unit=_is_consumer_of(principal, units, invitation.business_unit_id),
    )
    check_version(invitation, if_match)
    state = domain.answer(domain.InvitationState(invitation.state), expires_at=invitation.expires_at, now=now)
    version = await session.get_one(SurveyVersion, (invitation.survey_id, invitation.survey_version))
    questions = questions_of(version.questions)
    scores = survey_domain.scores_of(questions, answers)
    kinds = {question.id: question.kind for question in questions}

    invitation.state = state
    touch(invitation)
    response = Response(
        invitation_id=invitation.id,
        survey_id=invitation.survey_id,
        survey_version=invitation.survey_version,
        business_unit_id=invitation.business_unit_id,
        subscription_id=invitation.subscription_id,
        offering_id=invitation.offering_id,
        service_id=invitation.service_id,
        person_id=principal.person_id,
        received_at=now,
        correlation_id=invitation.correlation_id,
        answers=[
            Answer(
                number=number,
                question_id=answer.question_id,
                kind=kinds[answer.question_id],
                score=answer.score,
                choice=answer.choice,
                text=answer.text,
            )
            for number, answer in enumerate(answers, start=1)
        ],
    )
    session.add(response)
    public = ResponseReceived(
        id=response.id,
        invitation_id=invitation.id,
        survey_id=invitation.survey_id,
        business_unit_id=invitation.business_unit_id,
        service_id=invitation.service_id,
        offering_id=invitation.offering_id,
        scores=[ScoreGiven.model_validate(one) for one in scores],
    )
    record(session, response, public)
    await count_scores(session, invitation.service_id, scores, correlation_id=invitation.correlation_id, now=now)
    return response


def _is_consumer_of(principal: Principal, units: Units, business_unit_id: UUID) -> bool:
    """Whether the token makes them a consumer of the unit, not an office from which all units are seen."""
    if Role.CONSUMER not in principal.roles:
        return False
    if units.visible is None:
        return business_unit_id in principal.business_units
    return units.includes(business_unit_id)
