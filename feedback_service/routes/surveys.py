"""Surveys, invitations and the scores that come of them."""

from typing import Any
from uuid import UUID

from feedback_service import queries
from feedback_service.domain.invitation import InvitationState
from feedback_service.domain.scores import ScoreKind
from feedback_service.domain.survey import Trigger
from feedback_service.routes import Anyone, Owner
from feedback_service.schemas import (
    InvitationRead,
    ResponseCreate,
    ResponseRead,
    ScoreRead,
    SurveyRead,
    SurveyWrite,
)
from feedback_service.tables import Invitation, Response, ScoreTally, Survey
from feedback_service.use_cases import invitations, scores, surveys
from feedback_service.use_cases.surveys import SurveyTerms
from services.http import (
    Api,
    Etag,
    IfMatch,
    Now,
    Page,
    Paging,
    ReadSession,
    RequiredIfMatch,
    WriteSession,
    paginate,
)
from services.identity import UnitScope

router = Api(prefix="/v1")


def _terms(body: SurveyWrite) -> SurveyTerms:
    return SurveyTerms(
        name=body.name,
        trigger=body.trigger,
        service_id=body.service_id,
        questions=[question.question() for question in body.questions],
        expires_after_days=body.expires_after_days,
        active=body.active,
    )


@router.post("/surveys", response_model=SurveyRead, status_code=201, summary="Write a survey", tags=["Surveys"])
async def create_survey(body: SurveyWrite, now: Now, etag: Etag, principal: Owner, session: WriteSession) -> Survey:
    """It goes out by itself whenever its trigger happens. Each of NPS, CSAT and CES may be asked once."""
    return etag(await surveys.create_survey(session, _terms(body), principal=principal, now=now))


@router.get("/surveys", response_model=Page[SurveyRead], summary="List surveys", tags=["Surveys"])
async def list_surveys(
    paging: Paging, principal: Anyone, session: ReadSession, trigger: Trigger | None = None, active: bool | None = None
) -> Page[Any]:
    """Every survey with the questions of its newest version."""
    return await paginate(session, queries.surveys(trigger=trigger, active=active), Survey.id, paging)


@router.get("/surveys/{survey_id}", response_model=SurveyRead, summary="Read a survey", tags=["Surveys"])
async def read_survey(survey_id: UUID, etag: Etag, principal: Anyone, session: ReadSession) -> Survey:
    """The survey with the questions of its newest version."""
    return etag(await surveys.get_survey(session, survey_id))


@router.put("/surveys/{survey_id}", response_model=SurveyRead, summary="Make a new version", tags=["Surveys"])
async def revise_survey(
    survey_id: UUID,
    body: SurveyWrite,
    now: Now,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Owner,
    session: WriteSession,
) -> Survey:
    """Invitations that are out keep, and are answered to, the version they were sent with."""
    return etag(
        await surveys.revise_survey(session, survey_id, _terms(body), principal=principal, if_match=if_match, now=now)
    )


@router.get("/invitations", response_model=Page[InvitationRead], summary="List invitations", tags=["Invitations"])
async def list_invitations(
    paging: Paging,
    principal: Anyone,
    units: UnitScope,
    session: ReadSession,
    business_unit_id: UUID | None = None,
    subscription_id: UUID | None = None,
    state: InvitationState | None = None,
) -> Page[Any]:
    """Of the business units in your sight, each with the questions that it asks."""
    query = queries.invitations(units, business_unit_id=business_unit_id, subscription_id=subscription_id, state=state)
    return await paginate(session, query, Invitation.id, paging)


@router.get(
    "/invitations/{invitation_id}", response_model=InvitationRead, summary="Read an invitation", tags=["Invitations"]
)
async def read_invitation(
    invitation_id: UUID, etag: Etag, principal: Anyone, units: UnitScope, session: ReadSession
) -> Invitation:
    """The invitation with the questions of the version it was sent with."""
    return etag(await invitations.get_invitation(session, invitation_id, units=units))


@router.post(
    "/invitations/{invitation_id}/responses",
    response_model=ResponseRead,
    status_code=201,
    summary="Answer an invitation",
    tags=["Invitations"],
)
async def respond(
    invitation_id: UUID,
    body: ResponseCreate,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Anyone,
    units: UnitScope,
    session: WriteSession,
) -> Response:
    """Once, before it expires, by the person it is addressed to or by a consumer of the same business unit."""
    answers = [answer.answer() for answer in body.answers]
    return etag(
        await invitations.respond(
            session, invitation_id, answers, principal=principal, units=units, if_match=if_match, now=now
        )
    )


@router.get("/scores", response_model=Page[ScoreRead], summary="Scores of services", tags=["Scores"])
async def list_scores(
    paging: Paging,
    principal: Anyone,
    session: ReadSession,
    service_id: UUID | None = None,
    kind: ScoreKind | None = None,
) -> Page[Any]:
    """Each with n and its 95 % interval; withheld, with n still shown, while there are too few answers."""
    page = await paginate(session, queries.scores(service_id=service_id, kind=kind), ScoreTally.id, paging)
    return Page[Any].model_construct(items=scores.shown(page.items), next_cursor=page.next_cursor)
