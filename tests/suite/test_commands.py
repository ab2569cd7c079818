"""The command line: what it says when something cannot work, in one line and with exit status 1."""

import os
import re
import socket
from pathlib import Path

import pytest

from tests.suite.harness import EmbeddedSuite, itaas

ONE_LINE = re.compile(r"itaas: [^\n]+\n")


def refused(*arguments: str, **environment: str) -> str:
    done = itaas(*arguments, **environment)
    assert done.returncode == 1, done
    assert ONE_LINE.fullmatch(done.stderr), done.stderr
    return done.stderr


def test_a_second_start_on_the_same_data_is_one_line(tmp_path: Path) -> None:
    with EmbeddedSuite(tmp_path / "data", sample=False) as suite:
        said = refused("up", "--port", "0", "--data-dir", str(suite.data_dir))
        assert "in use by a suite that runs already" in said


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} on 127.0.0.1 is taken" in refused("up", "--port", port, "--data-dir", str(tmp_path))


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "data folder" in refused("up", "--port", "0", "--data-dir", str(tmp_path / "file" / "data"))


def test_a_read_only_data_folder_is_one_line(tmp_path: Path) -> None:
    # Permission bits do not bind root; nobody at all can make a file in /proc.
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path
    if folder == tmp_path:
        tmp_path.chmod(0o500)
    assert f"the data folder {folder} cannot be written" in refused("up", "--port", "0", "--data-dir", str(folder))


@pytest.mark.parametrize("name", ["pricing.db", "events.db"])
def test_a_damaged_file_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    assert itaas("migrate", ITAAS_DATA_DIR=str(tmp_path)).returncode == 0
    (tmp_path / name).write_bytes(os.urandom(20_000))
    assert name in refused("up", "--port", "0", "--data-dir", str(tmp_path))


def test_a_token_is_printed_and_nothing_else(tmp_path: Path) -> None:
    done = itaas("token", "--role", "finance", "--data-dir", str(tmp_path))
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["token", "--role", "king"], "no role 'king'"),
        (["token", "--role", "consumer", "--business-unit", "physics"], "--business-unit takes"),
        (["migrate", "physics"], "no app 'physics'"),
        (["rebuild", "pricing"], "there is no suite in"),
        (["dlq", "replay", "pricing", "x"], "'x' is not a dead letter's id"),
        (["loop", "--url", "http://127.0.0.1:1"], "no suite answers on http://127.0.0.1:1"),
        (["sample", "costs", "2026-13"], "2026-13"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    assert words in refused(*arguments, ITAAS_DATA_DIR=str(tmp_path))


def test_a_mixture_of_the_modes_is_one_line(tmp_path: Path) -> None:
    said = refused("up", ITAAS_DATA_DIR=str(tmp_path), CATALOG_DATABASE_URL="postgresql+asyncpg://127.0.0.1/x")
    assert "CATALOG_DATABASE_URL is not SQLite but KAFKA_BOOTSTRAP_SERVERS is empty" in said


def test_every_command_explains_itself() -> None:
    listing = itaas("--help").stdout
    for command in ("up", "stack", "migrate", "token", "loop", "sample", "dlq", "rebuild", "events"):
        assert command in listing
        assert len(itaas(command, "--help").stdout) > 100


def test_migrate_says_what_it_did_and_then_that_nothing_is_left(tmp_path: Path) -> None:
    first, second = [itaas("migrate", ITAAS_DATA_DIR=str(tmp_path)) for _ in range(2)]
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "catalog: 0001" in first.stdout
    assert second.stdout.count("up to date") == 6


def test_events_dead_letters_and_rebuild_are_at_hand(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with EmbeddedSuite(tmp_path / "data", sample=False) as suite:
        assert itaas("sample", "load", "--url", suite.url, "--data-dir", data).returncode == 0
        tail = itaas("events", "tail", "--from-start", "--once", "--data-dir", data)
        assert "itaas.demand.business-unit.created.v1" in tail.stdout
        letters = itaas("dlq", "list", "--data-dir", data)
        assert (letters.returncode, letters.stdout) == (0, "")
        rebuilt = itaas("rebuild", "pricing", "--data-dir", data)
        assert re.search(r"pricing: [1-9]\d* events applied", rebuilt.stdout), rebuilt.stderr
