"""Previews over HTTP: contract of issue 6, and what they refuse."""

import pytest

from tests.feedback_service.world import World, refused

pytestmark = pytest.mark.anyio


async def test_sentiment_of_texts(world: World) -> None:
    texts = ["Great value, and easy to use!", "Support never answers and it is terribly slow.", "It is a server."]
    answer = await world.consumer.post("/v1/sentiment-previews", json={"texts": texts})
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [item["label"] for item in items] == ["positive", "negative", "neutral"]
    assert all(-1 <= item["score"] <= 1 and item["model"].startswith("vader") for item in items)
    assert [one["aspect"] for one in items[1]["aspects"]] == ["speed", "support"]


async def test_sentiment_refuses_by_name(world: World) -> None:
    url = "/v1/sentiment-previews"
    refused(await world.consumer.post(url, json={"texts": []}), 422, "request-not-valid", "/texts")
    refused(await world.consumer.post(url, json={"texts": ["x", 3]}), 422, "request-not-valid", "/texts/1")
    refused(await world.consumer.post(url, json={"texts": ["x", " "]}), 422, "text-not-acceptable", "/texts/1")
    refused(await world.consumer.post(url, json={"texts": ["x" * 1_000_000]}), 413, "text-too-long", "/texts/0")


async def test_score_of_answers(world: World) -> None:
    answer = await world.consumer.post("/v1/score-previews", json={"kind": "csat", "responses": [5, 4, 1, 5]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["score"] == 75.0 and answer.json()["n"] == 4
    empty = await world.consumer.post("/v1/score-previews", json={"kind": "ces", "responses": []})
    assert empty.json() == {"score": None, "n": 0, "low": None, "high": None, "withheld": True}
    url = "/v1/score-previews"
    off = {"kind": "nps", "responses": [1, 11, -1]}
    refused(await world.consumer.post(url, json=off), 422, "score-out-of-range", "/responses/1", "/responses/2")
    refused(await world.consumer.post(url, json={"kind": "stars", "responses": []}), 422, "request-not-valid", "/kind")
    half = {"kind": "nps", "responses": [1.5]}
    refused(await world.consumer.post(url, json=half), 422, "request-not-valid", "/responses/0")


async def test_effect_between_answers(world: World) -> None:
    body = {"kind": "csat", "before": [2] * 20, "after": [5] * 18 + [1] * 2}
    answer = (await world.consumer.post("/v1/effect-previews", json=body)).json()
    assert answer["effect"] == 90.0 and answer["verdict"] == "improved"
    assert 0 < answer["low"] < 90 < answer["high"]
    assert (answer["n_before"], answer["n_after"]) == (20, 20)
    few = (await world.consumer.post("/v1/effect-previews", json=body | {"before": [2]})).json()
    assert few["effect"] is None and few["verdict"] == "no_evidence_yet" and few["n_before"] == 1
    off = body | {"after": [0]}
    refused(await world.consumer.post("/v1/effect-previews", json=off), 422, "score-out-of-range", "/after/0")


async def test_previews_want_a_token(world: World) -> None:
    anonymous = world.service.client(headers={"Authorization": "Bearer nonsense"})
    answer = await anonymous.post("/v1/score-previews", json={"kind": "nps", "responses": []})
    assert answer.status_code == 401
