"""Surveys: written by service owners; each change of one is a new version."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain import survey as domain
from feedback_service.domain.survey import Question, QuestionKind, Trigger
from feedback_service.tables import Survey, SurveyVersion
from feedback_service.use_cases.references import require_own_service
from services.db import touch
from services.errors import NotFound
from services.http import check_version
from services.identity import Principal


@dataclass(frozen=True, slots=True)
class SurveyTerms:
    """What a survey is to be."""

    name: str
    trigger: Trigger
    service_id: UUID | None
    questions: Sequence[Question]
    expires_after_days: int
    active: bool


async def create_survey(session: AsyncSession, terms: SurveyTerms, *, principal: Principal, now: datetime) -> Survey:
    questions = await _askable(session, terms, principal)
    survey = Survey(
        name=terms.name,
        trigger=terms.trigger,
        service_id=terms.service_id,
        active=terms.active,
        expires_after_days=terms.expires_after_days,
        survey_version=1,
        questions=questions,
    )
    session.add(survey)
    touch(survey)
    await session.flush()
    session.add(SurveyVersion(survey_id=survey.id, number=1, questions=questions, created_at=now))
    return survey


async def revise_survey(
    session: AsyncSession,
    survey_id: UUID,
    terms: SurveyTerms,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Survey:
    """Replace the survey by its next version. Invitations that are out keep the version they were sent with."""
    survey = await get_survey(session, survey_id)
    if survey.service_id is not None:
        await require_own_service(session, survey.service_id, principal)
    check_version(survey, if_match)
    questions = await _askable(session, terms, principal)
    survey.name = terms.name
    survey.trigger = terms.trigger
    survey.service_id = terms.service_id
    survey.active = terms.active
    survey.expires_after_days = terms.expires_after_days
    survey.survey_version += 1
    survey.questions = questions
    touch(survey)
    session.add(SurveyVersion(survey_id=survey.id, number=survey.survey_version, questions=questions, created_at=now))
    return survey


async def get_survey(session: AsyncSession, survey_id: UUID) -> Survey:
    survey = await session.get(Survey, survey_id)
    if survey is None:
        raise NotFound(f"there is no survey {survey_id}")
    return survey


async def _askable(session: AsyncSession, terms: SurveyTerms, principal: Principal) -> list[dict[str, Any]]:
    questions = domain.number_questions(terms.questions)
    domain.require_askable(questions)
    if terms.service_id is not None:
        await require_own_service(session, terms.service_id, principal)
    return [asdict(question) for question in questions]


def questions_of(document: list[dict[str, Any]]) -> list[Question]:
    """The questions as they were stored."""
    return [Question(**one | {"kind": QuestionKind(one["kind"]), "choices": tuple(one["choices"])}) for one in document]
