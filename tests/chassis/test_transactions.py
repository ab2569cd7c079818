"""A 2xx means committed: a commit that fails turns into an error, and can never hide behind a success."""

from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from services.testing import ServiceHarness
from tests.chassis import toy

pytestmark = pytest.mark.anyio


async def test_a_failed_commit_is_never_behind_a_success(tmp_path: Path, toy_migrations: Path) -> None:
    async with ServiceHarness(toy.definition(toy_migrations), tmp_path) as service, service.client() as client:
        engine = service.runtime.database.writer.sync_engine

        def fail(connection: object) -> None:
            raise OperationalError("COMMIT", {}, ConnectionError("the database went away"))

        event.listen(engine, "commit", fail)
        answer = await client.post("/v1/notes", json={"text": "lost"})
        event.remove(engine, "commit", fail)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert (await client.get("/v1/notes")).json()["items"] == []
        assert (await client.post("/v1/notes", json={"text": "kept"})).status_code == 201
        assert [note["text"] for note in (await client.get("/v1/notes")).json()["items"]] == ["kept"]
