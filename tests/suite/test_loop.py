"""The whole value loop, by the command that a newcomer runs."""

import re
from pathlib import Path

import pytest

from tests.suite.harness import EmbeddedSuite, itaas

STEPS = (
    "know offer cost allocate ask counsel price approve deliver usage charge survey score listen theme improve revision"
)


@pytest.mark.timeout(180)
def test_the_loop_runs_against_a_running_suite_and_again(tmp_path: Path) -> None:
    with EmbeddedSuite(tmp_path / "data") as suite:
        for turn in (1, 2):
            done = itaas("loop", "--url", suite.url, "--data-dir", str(suite.data_dir))
            assert done.returncode == 0, done.stderr + done.stdout
            told = {line.split()[0] for line in done.stdout.splitlines() if line and not line.startswith(" ")}
            assert set(STEPS.split()) <= told, done.stdout
            assert ("unchanged since the last import" in done.stdout) == (turn == 2)
            assert re.search(r"statement \d{4}-\d\d no\. " + str(turn), done.stdout), done.stdout
        assert "Traceback" not in suite.log(), suite.log()
        assert suite.stop() == 0


@pytest.mark.timeout(180)
def test_the_loop_starts_a_suite_of_its_own(tmp_path: Path) -> None:
    done = itaas("loop", "--data-dir", str(tmp_path / "data"), ITAAS_PORT="1")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "started a suite of its own" in done.stdout


@pytest.mark.timeout(120)
def test_restarting_keeps_the_data(tmp_path: Path) -> None:
    suite = EmbeddedSuite(tmp_path / "data")
    with suite:
        token = itaas("token", "--role", "admin", "--data-dir", str(suite.data_dir)).stdout.strip()
        before = _units(suite, token)
        assert suite.stop() == 0
        suite.start()
        assert _units(suite, token) == before != []


def _units(suite: EmbeddedSuite, token: str) -> list[str]:
    import time

    import httpx

    deadline = time.monotonic() + 20
    while True:  # the sample is loaded while the suite already answers
        answer = httpx.get(f"{suite.url}/demand/v1/business-units", headers={"Authorization": f"Bearer {token}"})
        units = [unit["id"] for unit in answer.raise_for_status().json()["items"]]
        if len(units) >= 6 or time.monotonic() > deadline:
            return units
        time.sleep(0.1)
