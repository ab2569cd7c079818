"""Surveys, invitations, responses and scores over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from feedback_service.domain.scores import ScoreKind, tally
from feedback_service.tables import Answer, Invitation, Response, ScoreTally
from feedback_service.use_cases.invitations import expire_invitation
from feedback_service.use_cases.scores import tally_of
from services import context
from services.db import touch
from services.ids import uuid7
from tests.feedback_service.world import JSON, QUESTIONS, World, refused

pytestmark = pytest.mark.anyio


async def test_a_survey_is_written_read_and_listed(world: World) -> None:
    survey = await world.survey(service_id=str(world.service_id), expires_after_days=7)
    assert survey["survey_version"] == 1 and survey["active"] is True
    assert [question["id"] for question in survey["questions"]] == ["recommend", "ease", "why"]
    read = await world.consumer.get(f"/v1/surveys/{survey['id']}")
    assert read.json() == survey and read.headers["etag"] == '"1"'
    listed = (await world.consumer.get("/v1/surveys", params={"active": True})).json()
    assert listed["items"] == [survey] and listed["next_cursor"] is None
    refused(await world.consumer.get(f"/v1/surveys/{uuid7()}"), 404, "not-found")


async def test_bad_surveys_name_their_faults(world: World) -> None:
    good = {"name": "How?", "trigger": "subscription.activated", "questions": QUESTIONS}
    post = world.owner.post

    twice = [{"kind": "nps", "text": "a"}, {"kind": "nps", "text": "b"}]
    bad: list[tuple[JSON, str, list[str]]] = [
        ({"questions": []}, "questions-not-askable", ["/questions"]),
        ({"questions": twice}, "questions-not-askable", ["/questions/1/kind"]),
        ({"questions": [{"kind": "stars", "text": "a"}]}, "request-not-valid", ["/questions/0/kind"]),
        ({"questions": [{"kind": "text", "text": "a\x00"}]}, "text-not-storable", ["/questions/0/text"]),
        ({"trigger": "full moon"}, "request-not-valid", ["/trigger"]),
        ({"expires_after_days": 0}, "request-not-valid", ["/expires_after_days"]),
        ({"name": " "}, "request-not-valid", ["/name"]),
        ({"colour": "red"}, "request-not-valid", ["/colour"]),
        ({"service_id": str(uuid7())}, "unknown-service", ["/service_id"]),
    ]
    for changes, name, pointers in bad:
        refused(await post("/v1/surveys", json=good | changes), 422, name, *pointers)
    refused(await world.consumer.post("/v1/surveys", json=good), 403, "role-not-allowed")


async def test_a_new_version_needs_if_match_and_keeps_what_was_sent(world: World) -> None:
    survey = await world.survey()
    subscription = await world.activate()
    url = f"/v1/surveys/{survey['id']}"
    body = {"name": "Shorter", "trigger": "subscription.activated", "questions": [{"kind": "csat", "text": "And?"}]}
    refused(await world.owner.put(url, json=body), 428, "if-match-missing", "If-Match")
    refused(await world.owner.put(url, json=body, headers={"If-Match": '"9"'}), 412, "version-is-stale")
    second = await world.owner.put(url, json=body, headers={"If-Match": '"1"'})
    assert second.status_code == 200, second.text
    assert second.json()["survey_version"] == 2 and second.headers["etag"] == '"2"'
    assert second.json()["questions"][0]["id"] == "q1"

    old = await world.invitation(subscription)
    assert old["survey_version"] == 1 and len(old["questions"]) == 3
    answer = await world.consumer.post(
        f"/v1/invitations/{old['id']}/responses", json={"answers": [{"question_id": "recommend", "score": 9}]}
    )
    assert answer.status_code == 201 and answer.json()["survey_version"] == 1
    new = await world.invitation(await world.activate())
    assert new["survey_version"] == 2 and [question["kind"] for question in new["questions"]] == ["csat"]


async def test_an_invitation_is_seen_by_its_unit_only(world: World) -> None:
    await world.survey()
    invitation = await world.invitation(await world.activate())
    url = f"/v1/invitations/{invitation['id']}"
    assert (await world.owner.get(url)).json() == invitation
    refused(await world.stranger.get(url), 403, "business-unit-out-of-scope", "invitation_id")
    assert (await world.stranger.get("/v1/invitations")).json()["items"] == []
    params = {"business_unit_id": str(world.unit)}
    refused(
        await world.stranger.get("/v1/invitations", params=params),
        403,
        "business-unit-out-of-scope",
        "business_unit_id",
    )
    found = await world.consumer.get("/v1/invitations", params=params | {"state": "sent"})
    assert found.json()["items"] == [invitation]
    assert (await world.consumer.get("/v1/invitations", params={"state": "answered"})).json()["items"] == []


async def test_a_response_is_taken_once_and_told_of_without_text(world: World) -> None:
    await world.survey()
    invitation = await world.invitation(await world.activate(correlation_id="loop-1"))
    url = f"/v1/invitations/{invitation['id']}/responses"
    body = {"answers": [{"question_id": "recommend", "score": 9}, {"question_id": "why", "text": "So fast"}]}
    response = await world.consumer.post(url, json=body, headers={"Correlation-Id": "another"})
    assert response.status_code == 201, response.text
    assert [answer["kind"] for answer in response.json()["answers"]] == ["nps", "text"]
    refused(await world.colleague.post(url, json=body), 409, "invitation-answered")

    [event] = await world.service.published("itaas.feedback.response.received.v1")
    assert event.data["scores"] == [{"kind": "nps", "score": 9}]
    assert event.data["invitation_id"] == invitation["id"]
    assert "fast" not in str(event.data)
    assert event.correlation_id == "loop-1"  # the thread of the subscription, not of the request that answered
    [score] = await world.service.published("itaas.feedback.score.updated.v1")
    assert score.subject == str(world.service_id) and score.correlation_id == "loop-1"
    assert score.data == {
        "service_id": str(world.service_id),
        "kind": "nps",
        "score": None,
        "n": 1,
        "low": None,
        "high": None,
        "withheld": True,
    }


async def test_the_same_key_is_one_response(world: World) -> None:
    await world.survey()
    invitation = await world.invitation(await world.activate())
    url, headers = f"/v1/invitations/{invitation['id']}/responses", {"Idempotency-Key": "k"}
    body = {"answers": [{"question_id": "recommend", "score": 9}]}
    first = await world.consumer.post(url, json=body, headers=headers)
    again = await world.consumer.post(url, json=body, headers=headers)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()


async def test_answers_that_do_not_fit_are_named_and_leave_the_invitation_open(world: World) -> None:
    await world.survey()
    invitation = await world.invitation(await world.activate())
    url = f"/v1/invitations/{invitation['id']}/responses"
    bad = [
        ([], "answers-do-not-fit", ["/answers"]),
        ([{"question_id": "recommend", "score": 11}], "answers-do-not-fit", ["/answers/0/score"]),
        ([{"question_id": "recommend", "text": "9"}], "answers-do-not-fit", ["/answers/0"]),
        ([{"question_id": "colour", "text": "red"}], "answers-do-not-fit", ["/answers/0/question_id", "/answers"]),
        ([{"question_id": "recommend", "score": "9"}], "request-not-valid", ["/answers/0/score"]),
        ([{"question_id": "recommend", "score": 9.5}], "request-not-valid", ["/answers/0/score"]),
        ([{"question_id": "recommend", "score": True}], "request-not-valid", ["/answers/0/score"]),
    ]
    for answers, name, pointers in bad:
        refused(await world.consumer.post(url, json={"answers": answers}), 422, name, *pointers)
    assert (await world.consumer.get("/v1/scores")).json()["items"] == []
    good = {"answers": [{"question_id": "recommend", "score": 0}]}
    assert (await world.consumer.post(url, json=good)).status_code == 201


async def test_who_may_answer(world: World) -> None:
    await world.survey()
    body = {"answers": [{"question_id": "recommend", "score": 10}]}
    invitation = await world.invitation(await world.activate())
    url = f"/v1/invitations/{invitation['id']}/responses"
    for outsider in (world.stranger, world.owner, world.admin):
        refused(await outsider.post(url, json=body), 403, "not-invited")
    assert (await world.colleague.post(url, json=body)).status_code == 201
    refused(await world.consumer.post(f"/v1/invitations/{uuid7()}/responses", json=body), 404, "not-found")

    leader = world.service.client(["demand_leader"], [world.other_unit], person="fritz")
    mine = await leader.post(
        "/v1/threads",
        json={
            "subject_type": "service",
            "subject_id": str(world.service_id),
            "business_unit_id": str(world.other_unit),
            "text": "Hello",
        },
    )
    invitation = await world.invitation(await world.activate(requested_by=mine.json()["author_id"]))
    assert (await leader.post(f"/v1/invitations/{invitation['id']}/responses", json=body)).status_code == 201


async def test_an_expired_invitation_is_refused_by_the_clock_and_closed_by_the_timer(world: World) -> None:
    await world.survey(expires_after_days=1)
    invitation = await world.invitation(await world.activate())
    database = world.service.runtime.database
    with context.entered(context.WorkContext("test", "test", "test")):
        async with database.transaction() as session:
            row = await session.get_one(Invitation, UUID(invitation["id"]))
            row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
            touch(row)
    url = f"/v1/invitations/{invitation['id']}"
    body = {"answers": [{"question_id": "recommend", "score": 10}]}
    refused(await world.consumer.post(f"{url}/responses", json=body), 409, "invitation-expired")

    with context.entered(context.WorkContext("test", "test", "test")):
        for _ in range(2):  # a second ring changes nothing
            async with database.transaction() as session:
                await expire_invitation(session, {"invitation_id": invitation["id"]}, datetime.now(UTC))
    assert (await world.consumer.get(url)).json()["state"] == "expired"
    refused(await world.consumer.post(f"{url}/responses", json=body), 409, "invitation-expired")


async def test_the_rollup_is_exactly_what_the_responses_say(world: World) -> None:
    await world.survey()
    scores = [10, 9, 3, 8, 10]
    for score in scores:
        await world.respond(score)
    params = {"service_id": str(world.service_id), "kind": "nps"}
    [shown] = (await world.consumer.get("/v1/scores", params=params)).json()["items"]
    assert shown["n"] == 5 and shown["score"] == 40.0 and shown["withheld"] is False
    assert shown["low"] < 40.0 < shown["high"]
    assert (shown["subject_type"], shown["subject_id"]) == ("service", str(world.service_id))
    preview = await world.consumer.post("/v1/score-previews", json={"kind": "nps", "responses": scores})
    assert preview.json() == {key: shown[key] for key in ("score", "n", "low", "high", "withheld")}

    async with world.service.runtime.database.reading() as session:
        given = select(Answer.score).join(Response).where(Response.service_id == world.service_id, Answer.kind == "nps")
        stored = [score for score in await session.scalars(given) if score is not None]
        [row] = (await session.scalars(select(ScoreTally).where(ScoreTally.kind == "nps"))).all()
        assert tally(ScoreKind.NPS, stored) == tally_of(row)
    events = await world.service.published("itaas.feedback.score.updated.v1")
    assert [event.data["n"] for event in events] == [1, 2, 3, 4, 5]
    assert [event.sequence for event in events] == sorted({event.sequence for event in events})
    assert events[-1].data["score"] == 40.0


async def test_each_kind_has_a_score_of_its_own(world: World) -> None:
    await world.survey()
    invitation = await world.invitation(await world.activate())
    body = {"answers": [{"question_id": "recommend", "score": 9}, {"question_id": "ease", "score": 6}]}
    await world.consumer.post(f"/v1/invitations/{invitation['id']}/responses", json=body)
    shown = (await world.consumer.get("/v1/scores", params={"service_id": str(world.service_id)})).json()["items"]
    assert [(one["kind"], one["n"], one["withheld"]) for one in shown] == [("nps", 1, True), ("ces", 1, True)]
    events = await world.service.published("itaas.feedback.score.updated.v1")
    assert [(event.data["kind"], event.sequence) for event in events] == [("nps", 1), ("ces", 2)]


async def test_responses_at_the_same_time_are_all_counted_and_each_invitation_once(world: World) -> None:
    await world.survey()
    subscriptions = [await world.activate() for _ in range(12)]
    invitations = [await world.invitation(subscription) for subscription in subscriptions]

    async def respond(invitation: JSON, score: int) -> int:
        url = f"/v1/invitations/{invitation['id']}/responses"
        answers = {"answers": [{"question_id": "recommend", "score": score}]}
        response = await world.consumer.post(url, json=answers, headers={"Idempotency-Key": f"{score}"})
        return response.status_code

    twice = [respond(invitation, score) for invitation in invitations for score in (9, 10)]
    statuses = await asyncio.gather(*twice)
    assert sorted(statuses) == [201] * 12 + [409] * 12
    [shown] = (await world.consumer.get("/v1/scores")).json()["items"]
    assert shown["n"] == 12 and shown["score"] == 100.0
    events = await world.service.published("itaas.feedback.score.updated.v1")
    assert [event.sequence for event in events] == list(range(1, 13))
