"""What every service's HTTP does alike: problems, idempotency, entity tags, pages, jobs, limits."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from openapi_spec_validator import validate
from sqlalchemy import update

from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import IdempotencyRecord
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.housekeeping import remove_expired
from services.identity import LocalKeys
from services.runtime import all_topics
from services.settings import load_settings
from services.testing import ServiceHarness
from tests.chassis import toy

pytestmark = pytest.mark.anyio

PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "errors", "trace_id"}


@pytest.fixture
async def service(tmp_path: Path, toy_migrations: Path) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness(toy.definition(toy_migrations), tmp_path) as running:
        yield running


@pytest.fixture
async def client(service: ServiceHarness) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client(["consumer"]) as client:
        yield client


@pytest.mark.parametrize(
    ("request_options", "status", "name"),
    [
        ({"method": "GET", "url": f"/v1/notes/{uuid4()}"}, 404, "not-found"),
        ({"method": "GET", "url": "/v1/notes/seven"}, 422, "request-not-valid"),
        ({"method": "GET", "url": "/v1/nothing"}, 404, "route-not-found"),
        ({"method": "DELETE", "url": "/v1/notes"}, 405, "method-not-allowed"),
        ({"method": "POST", "url": "/v1/notes", "json": {"text": "refuse"}}, 409, "refused"),
        ({"method": "POST", "url": "/v1/notes", "json": {"text": 1}}, 422, "request-not-valid"),
        ({"method": "POST", "url": "/v1/notes", "content": b"{"}, 422, "request-not-valid"),
        ({"method": "POST", "url": "/v1/notes", "json": {"text": "boom"}}, 500, "internal-error"),
        ({"method": "POST", "url": "/v1/notes", "content": b"x" * 3_000_000}, 413, "body-too-large"),
        ({"method": "GET", "url": "/v1/notes", "headers": {"Authorization": "Bearer x.y.z"}}, 401, "token-refused"),
        ({"method": "GET", "url": "/v1/notes", "headers": {"Authorization": ""}}, 401, "token-missing"),
        ({"method": "PUT", "url": f"/v1/notes/{uuid4()}", "json": {"text": "x"}}, 403, "role-not-allowed"),
    ],
)  # fmt: skip
async def test_every_error_is_a_problem_of_one_shape(
    client: httpx.AsyncClient, request_options: dict[str, Any], status: int, name: str
) -> None:
    answer = await client.request(**request_options)
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.keys() == PROBLEM_MEMBERS
    assert problem["type"] == f"urn:itaas:problem:{name}"
    assert problem["status"] == status
    assert problem["trace_id"] == answer.headers["x-request-id"]
    assert problem["instance"] == request_options["url"]
    assert "secret" not in answer.text
    assert all(fault.keys() == {"pointer", "message"} for fault in problem["errors"])


async def test_faults_point_at_the_fields(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/notes", json={"text": 1, "a/b": 2})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/text", "/a~1b"]


async def test_a_defect_leaves_nothing_behind(client: httpx.AsyncClient, service: ServiceHarness) -> None:
    await client.post("/v1/notes", json={"text": "boom"})
    assert (await client.get("/v1/notes")).json()["items"] == []
    assert await service.published() == []


async def test_the_same_post_twice_is_one_effect_and_one_answer(
    client: httpx.AsyncClient, service: ServiceHarness
) -> None:
    first, second = [
        await client.post("/v1/notes", json={"text": "once"}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert (first.status_code, first.content, first.headers["etag"]) == (
        second.status_code,
        second.content,
        second.headers["etag"],
    )
    assert second.headers["idempotency-replayed"] == "true"
    assert len((await client.get("/v1/notes")).json()["items"]) == 1
    assert len(await service.published()) == 1


async def test_the_key_with_another_body_is_refused(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    await client.post("/v1/notes", json={"text": "a"}, headers=key)
    answer = await client.post("/v1/notes", json={"text": "b"}, headers=key)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:itaas:problem:idempotency-key-reused")


async def test_a_refusal_is_kept_and_a_defect_is_not(client: httpx.AsyncClient) -> None:
    for text, status, replayed in [("refuse", 409, "true"), ("boom", 500, None)]:
        key = {"Idempotency-Key": text}
        answers = [await client.post("/v1/notes", json={"text": text}, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status, status]
        assert answers[1].headers.get("idempotency-replayed") == replayed


async def test_at_once_with_one_key_only_one_takes_effect(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post("/v1/notes", json={"text": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(8))
    )
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 409}
    assert all(a.json()["type"].endswith("still-in-flight") for a in answers if a.status_code == 409)
    assert len((await client.get("/v1/notes")).json()["items"]) == 1


async def test_an_answer_is_kept_for_a_day_and_then_removed(client: httpx.AsyncClient, service: ServiceHarness) -> None:
    key = {"Idempotency-Key": "k"}
    await client.post("/v1/notes", json={"text": "a"}, headers=key)
    database = service.runtime.database
    assert await remove_expired(database) == 0
    async with database.transaction() as session:
        await session.execute(update(IdempotencyRecord).values(expires_at=utc_now()))
    assert await remove_expired(database) == 1
    assert (await client.post("/v1/notes", json={"text": "b"}, headers=key)).status_code == 201


async def test_keys_belong_to_their_caller(service: ServiceHarness) -> None:
    for person in ("one", "two"):
        async with service.client(["consumer"], person=person) as client:
            answer = await client.post("/v1/notes", json={"text": person}, headers={"Idempotency-Key": "k"})
            assert (answer.status_code, answer.json()["text"]) == (201, person)


async def test_an_answer_is_not_replayed_to_a_token_with_other_rights(service: ServiceHarness) -> None:
    unit = uuid4()
    body, key = {"text": "mine", "business_unit_id": str(unit)}, {"Idempotency-Key": "k"}
    async with service.client(["consumer"], [unit], "ann") as ann, service.client(["consumer"], [], "ann") as moved:
        assert (await ann.post("/v1/notes", json=body, headers=key)).status_code == 201
        answer = await moved.post("/v1/notes", json=body, headers=key)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:itaas:problem:rights-have-changed")
        again = await ann.post("/v1/notes", json=body, headers=key)
        assert again.status_code == 201 and "itaas-rights" not in again.headers


async def test_a_flood_of_faults_is_answered_shortly(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/notes", json={str(number): 1 for number in range(5_000)})
    assert answer.status_code == 422
    assert answer.json()["errors"][-1]["message"] == "and 4951 faults more"
    answer = await client.post("/v1/notes", json={str(number): 1 for number in range(100_000)})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:itaas:problem:too-many-members")


async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/notes", json={"text": "x"}, headers={"Idempotency-Key": "k" * 256})
    assert answer.json()["type"] == "urn:itaas:problem:idempotency-key-not-readable"


async def test_a_change_needs_the_version_that_was_read(service: ServiceHarness) -> None:
    async with service.client(["finance"]) as client:
        created = await client.post("/v1/notes", json={"text": "a"})
        url, etag = f"/v1/notes/{created.json()['id']}", created.headers["etag"]
        assert (await client.get(url)).headers["etag"] == etag
        statuses = [
            (await client.put(url, json={"text": text}, headers=headers)).status_code
            for text, headers in [
                ("b", {}),
                ("b", {"If-Match": "nonsense"}),
                ("b", {"If-Match": '"77"'}),
                ("b", {"If-Match": '"somebody-elses"'}),
                ("b", {"If-Match": f"W/{etag}"}),
                ("b", {"If-Match": etag}),
                ("c", {"If-Match": etag}),
                ("c", {"If-Match": "*"}),
            ]
        ]
        assert statuses == [428, 422, 412, 412, 412, 200, 412, 200]
        shouted = await client.post(f"{url}/shout", headers={"If-Match": etag})
        assert shouted.status_code == 412
        assert (await client.post(f"{url}/shout")).json()["text"] == "C"


async def test_pages_end_and_nothing_is_lost_between_them(client: httpx.AsyncClient) -> None:
    texts = [str(number) for number in range(7)]
    for text in texts:
        await client.post("/v1/notes", json={"text": text})
    seen, url = [], "/v1/notes?limit=3"
    while url:
        answer = await client.get(url)
        seen += [item["text"] for item in answer.json()["items"]]
        url = answer.links.get("next", {}).get("url", "")
        assert bool(url) == (answer.json()["next_cursor"] is not None)
    assert seen == texts
    for query in ("limit=0", "limit=201", "limit=x", "cursor=!!", "cursor=YQ"):
        assert (await client.get(f"/v1/notes?{query}")).status_code == 422, query


async def test_a_job_reports_progress_and_its_result(client: httpx.AsyncClient, service: ServiceHarness) -> None:
    accepted = await client.post("/v1/counts", content=b"x" * 2_500_000)
    assert accepted.status_code == 202
    await service.finished_job(accepted.json()["id"])
    job = (await client.get(accepted.headers["location"])).json()
    assert (job["state"], job["progress"]["done"], job["result"]) == ("succeeded", 2_500_000, {"bytes": 2_500_000})
    followed = await client.get(f"{accepted.headers['location']}/stream")
    assert followed.headers["content-type"].startswith("text/event-stream")
    assert '"succeeded"' in followed.text
    again = await client.post(f"{accepted.headers['location']}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "urn:itaas:problem:job-not-cancellable")


async def test_a_job_that_is_refused_says_why(client: httpx.AsyncClient, service: ServiceHarness) -> None:
    accepted = await client.post("/v1/counts", content=b"refuse")
    job = await service.finished_job(accepted.json()["id"])
    assert job.state == "failed" and job.problem is not None
    assert job.problem["detail"] == "the input says refuse"


async def test_somebody_elses_job_is_not_shown(client: httpx.AsyncClient, service: ServiceHarness) -> None:
    accepted = await client.post("/v1/counts", content=b"x")
    async with service.client(["consumer"], person="somebody else") as other:
        assert (await other.get(accepted.headers["location"])).status_code == 403


async def test_an_upload_is_idempotent_too(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    one = await client.post("/v1/counts", content=b"x" * 2_000_000, headers=key)
    two = await client.post("/v1/counts", content=b"x" * 2_000_000, headers=key)
    other = await client.post("/v1/counts", content=b"y", headers=key)
    assert one.json()["id"] == two.json()["id"]
    assert other.status_code == 422


async def test_a_stranger_uploads_nothing(service: ServiceHarness) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield b"x" * 100_000

    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as stranger:
        answer = await stranger.post("/v1/counts", content=endless())
    assert answer.status_code == 401
    assert taken == 0


async def test_request_and_correlation_ids_are_taken_only_if_sane(
    client: httpx.AsyncClient, service: ServiceHarness
) -> None:
    answer = await client.post(
        "/v1/notes", json={"text": "x"}, headers={"X-Request-Id": "req-1", "Correlation-Id": "thread-1"}
    )
    assert answer.headers["x-request-id"] == "req-1"
    [event] = await service.published()
    assert (event.correlation_id, event.causation_id, event.sequence) == ("thread-1", "req-1", 1)
    assert event.actor_id is not None and "consumer" not in event.actor_id
    answer = await client.get("/v1/notes", headers={"X-Request-Id": "no good\tid"})
    assert answer.headers["x-request-id"] != "no good\tid"


async def test_the_document_is_valid_and_tells_of_the_conventions(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    validate(document)
    post = document["paths"]["/v1/notes"]["post"]
    assert {"Idempotency-Key", "Correlation-Id"} <= {parameter["name"] for parameter in post["parameters"]}
    assert {"401", "403", "409", "422", "503"} <= post["responses"].keys()
    assert "application/problem+json" in post["responses"]["422"]["content"]
    put = document["paths"]["/v1/notes/{note_id}"]["put"]
    assert {"412", "428"} <= put["responses"].keys()
    assert [one["required"] for one in put["parameters"] if one["name"] == "if-match"] == [True]
    assert "parameters" not in document["paths"]["/v1/note-count"]["get"]  # it takes none, and that is fine
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert post["security"] == [{"bearer": []}]


async def test_operations_need_no_token(service: ServiceHarness) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=service.app), base_url="http://service"
    ) as anonymous:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await anonymous.get(path)).status_code == 200
        metrics = (await anonymous.get("/metrics")).text
    assert "itaas_http_requests_total" in metrics


async def test_what_is_no_text_is_refused_wherever_it_stands(client: httpx.AsyncClient) -> None:
    for body, pointer in [
        (b'{"text": "a\\u0000b"}', "/text"),
        (b'{"text": "a", "deep": [{"x": "\\ud800"}]}', "/deep/0/x"),
        (b'{"a\\u0000b": 1}', ""),
    ]:
        answer = await client.post("/v1/notes", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:itaas:problem:text-not-storable")
        assert answer.json()["errors"][0]["pointer"] == pointer
    for body in (
        b'{"text": NaN}',
        b'{"x": 1e999}',
        b'{"x": -2E+400}',
        b'{"x": ' + b"9" * 400 + b".5}",
        b'{"text": "a", "more": [-Infinity]}',
    ):
        answer = await client.post("/v1/notes", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:itaas:problem:number-not-finite")
    for body in (b"\xff\xfe", b"[" * 200_000 + b'"\\u0000"', b'{"text": ' + b"9" * 5_000 + b"}"):
        answer = await client.post("/v1/notes", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:itaas:problem:request-not-valid"), body[:9]
    sixteen = '{"text": NaN}'.encode("utf-16")
    answer = await client.post("/v1/notes", content=sixteen, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:itaas:problem:text-not-storable")
    assert (await client.post("/v1/notes", json={"text": "\\u0000 is spelled out, 😀 too"})).status_code == 201
    assert (await client.get("/v1/notes?cursor=%00")).status_code == 422


async def test_reading_beside_a_transaction_waits_for_nobody(
    tmp_path: Path, toy_migrations: Path, postgresql_url: str
) -> None:
    """Each request holds its transaction and looks up the units in sight: more at once than there are connections."""
    database = Database(postgresql_url)
    await migrate(database, toy_migrations, toy.Base.metadata, app="toy")
    await database.close()
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    settings = load_settings(
        itaas_data_dir=tmp_path,
        kafka_bootstrap_servers="127.0.0.1:1",
        pricing_database_url=postgresql_url,
        database_pool_size=2,
    )
    LocalKeys(tmp_path / "keys", create=True)
    async with ServiceHarness(toy.definition(toy_migrations), tmp_path, settings=settings, event_log=log) as service:
        unit = uuid4()
        async with service.client(["consumer"], [unit]) as client, asyncio.timeout(12):
            answers = await asyncio.gather(
                *(
                    client.post(
                        "/v1/notes",
                        json={"text": str(number), "business_unit_id": str(unit)},
                        headers={"Idempotency-Key": str(number)},
                    )
                    for number in range(20)
                )
            )
    assert {answer.status_code for answer in answers} == {201}
    await log.close()
