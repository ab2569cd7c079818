"""The distributed mode for real: Apache Kafka, PostgreSQL and five processes; the same loop passes unchanged."""

import shutil
from pathlib import Path

import pytest

from services.local.backends import missing
from services.local.stack import running_stack
from tests.requirements import require_or_skip
from tests.suite.harness import free_port, itaas


@pytest.mark.timeout(300)
def test_the_loop_passes_against_the_stack(tmp_path: Path) -> None:
    if lacking := missing():
        require_or_skip("; ".join(lacking))
    said: list[str] = []
    data = tmp_path / "data"
    try:
        _the_loop_passes(data, said)
    finally:
        for elsewhere in data.rglob("elsewhere"):  # where PostgreSQL's own user may go; nobody else deletes it
            shutil.rmtree(elsewhere.read_text(), ignore_errors=True)


def _the_loop_passes(data: Path, said: list[str]) -> None:
    with running_stack(data, port=free_port(), first_service_port=free_port(), report=said.append) as stack:
        environment = {name: value for name, value in stack.environment.items() if name.isupper()}
        for _ in range(2):
            done = itaas("loop", "--url", stack.url, "--data-dir", str(data))
            assert done.returncode == 0, done.stderr + done.stdout
        # A service that is killed comes back and goes on.
        stack.apps["pricing"].kill()
        stack.apps["pricing"].restart()
        done = itaas("loop", "--url", stack.url, "--data-dir", str(data))
        assert done.returncode == 0, done.stderr + done.stdout
        letters = itaas("dlq", "list", **environment)
        assert (letters.returncode, letters.stdout) == (0, ""), letters.stderr
        tail = itaas("events", "tail", "--from-start", "--once", **environment)
        assert "itaas.feedback.improvement.shipped.v1" in tail.stdout
