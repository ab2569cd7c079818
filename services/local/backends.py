"""Real Apache Kafka and real PostgreSQL on this machine without Docker: for `make stack`, and for the tests that must
not take the embedded stand-ins on trust.

    <data_dir>/kafka/      server.properties  data/  broker.log  console.log  port  lock
    <data_dir>/postgres/   cluster/  password  console.log  port  lock

What is not obvious, and why it is so:

- Each server has a session of its own, so that Ctrl-C in a terminal reaches us alone and the stop stays orderly. A
  guard process waits on a pipe that only we hold, and stops the server once we are gone, even by SIGKILL. Linux's
  parent-death signal would not do: it fires when the *thread* that started the server ends. A child that is forked
  without exec shares the pipe and keeps the servers alive; use `subprocess` or spawn.
- The server inherits a locked file. The lock lasts exactly as long as any process of that server, so a start waits for
  what an earlier one, even a killed one, has left behind, and two stacks on one folder are refused.
- PostgreSQL refuses to run as root. Root runs it as `postgres`, else as `nobody`; where that user cannot reach
  `data_dir`, cluster and password live in a folder under /tmp, which the file `elsewhere` names and `report` tells.

Everything listens on 127.0.0.1 alone.
"""

from __future__ import annotations

import base64
import fcntl
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

LOOPBACK = "127.0.0.1"
READY_SECONDS = 60.0
STOP_SECONDS = 15.0
LOCK_SECONDS = 20.0
RESOLVE_SECONDS = 600.0

# Below the ports that the kernel hands out, where a passing connection could sit when a server starts again; apart from
# each other, since a server takes its port some time after it was chosen.
KAFKA_PORTS, CONTROLLER_PORTS, POSTGRES_PORTS = range(20_000, 23_000), range(23_000, 26_000), range(26_000, 30_000)

OLDEST_JAVA = 17
KAFKA_SETUP = Path(__file__).resolve().parents[2] / "deploy" / "local"
POSTGRES_PROGRAMS = ("initdb", "postgres", "psql")

# Paths are relative to the broker's working folder: java.util.Properties would misread one with other characters.
# The quorum is fixed rather than dynamic so that the ports may differ at the next start. The broker session is short
# for a restart after a kill: until it runs out (9 s by default) the new broker is refused as a duplicate.
BROKER_SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller_port}
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.dirs=data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

# $1 is the server, $2 its signal for an orderly stop. The read ends when our end of the pipe is closed. It lets go of
# our output first, or whoever reads that would wait for the guard as well.
GUARD = """
exec >/dev/null 2>&1
read -r _
kill -s "$2" "$1"
tries=0
while kill -0 "$1"; do
  [ "$tries" -lt 100 ] || exec kill -s KILL "$1"
  tries=$((tries + 1))
  sleep 0.1
done
"""

Report = Callable[[str], None]
Command = Sequence[str | Path]


class StackError(RuntimeError):
    """A backend could not be had; the message says why, with the end of its log where there is one."""


def missing() -> list[str]:
    """What this machine lacks, one line each with what to do about it."""
    return [*Kafka.missing(), *Postgres.missing()]


class Server(ABC):
    """One backend: a process, its guard, its folder and its port."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    ports: ClassVar[range]

    def __init__(self, data_dir: Path, *, port: int, report: Report) -> None:
        self.home = data_dir.resolve() / self.name
        self.folder = self.home
        self.port = port
        self._report = report
        self._account: dict[str, Any] = {}  # whom it runs as, in subprocess's terms; empty is ourselves
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, data_dir: Path, *, port: int = 0, report: Report = lambda _: None) -> Self:
        """Start on `port`; 0 is the port of last time if it is free, else any. Raises StackError."""
        server = cls(data_dir, port=port, report=report)
        server.restart()
        return server

    def restart(self) -> None:
        """Start on the same data and port, after an orderly stop if it is still running. Raises StackError."""
        self.stop()
        try:
            self.launch()
            self.await_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop in order; kill what has not ended after STOP_SECONDS."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def launch(self) -> None:
        """Start the process; `await_ready` waits until it answers."""
        if lacking := self.missing():
            raise StackError("\n".join(lacking))
        self.home.mkdir(parents=True, exist_ok=True)
        lock, in_use = self.home / "lock", f"{self.name}: {self.home} is in use by another process"
        with locked(lock, LOCK_SECONDS, in_use) as held, (self.home / "console.log").open("ab") as console:
            self._settle_port()
            self._prepare()
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(held,),
                **self._account,
            )
        guard = ["sh", "-c", GUARD, "guard", str(self._process.pid), self.stop_signal.name.removeprefix("SIG")]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)

    def await_ready(self) -> None:
        """Wait until it answers, READY_SECONDS at most. Raises StackError."""
        began = time.monotonic()
        while not self._answers():
            if not self.running:
                raise StackError(f"{self.name} ended while starting:\n{self._log_end()}")
            if time.monotonic() - began > READY_SECONDS:
                raise StackError(f"{self.name} gave no answer within {READY_SECONDS:.0f} s:\n{self._log_end()}")
            time.sleep(0.05)
        self._report(f"{self.name}: ready on {LOOPBACK}:{self.port}")

    @staticmethod
    @abstractmethod
    def missing() -> list[str]: ...

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the process expects to find; called with the lock held and the port known."""

    @abstractmethod
    def _command(self) -> Command: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it does real work: an open port is not that yet."""

    def _log_end(self) -> str:
        return last_lines((self.home / "console.log").read_bytes())

    def _settle_port(self) -> None:
        remembered = self.home / "port"
        if self.port and not is_free(self.port):
            raise StackError(f"{self.name}: port {self.port} on {LOOPBACK} is taken; free it or choose another")
        if not self.port and remembered.exists() and is_free(last := int(remembered.read_text())):
            self.port = last
        self.port = self.port or free_port(self.ports)
        remembered.write_text(str(self.port))

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._report(f"{self.name}: still there after {STOP_SECONDS:.0f} s, so killed")
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None


class Kafka(Server):
    """One broker that is its own controller (KRaft, combined mode)."""

    name = "kafka"
    stop_signal = signal.SIGTERM
    ports = KAFKA_PORTS

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @staticmethod
    def missing() -> list[str]:
        lacking = []
        if java_version() < OLDEST_JAVA:
            lacking.append(f"Java {OLDEST_JAVA} or newer: put it on PATH or in JAVA_HOME (Debian: default-jre)")
        if not kafka_lib().is_dir() and shutil.which("mvn") is None:
            lacking.append("Maven, which resolves Kafka's jars: put mvn on PATH (Debian: maven)")
        return lacking

    def _prepare(self) -> None:
        resolve_kafka(self._report)
        settings = BROKER_SETTINGS.format(port=self.port, controller_port=free_port(CONTROLLER_PORTS))
        (self.home / "server.properties").write_text(settings)
        if not (self.home / "data" / "meta.properties").exists():
            self._report(f"kafka: formatting {self.home / 'data'}")
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            tool = self._java("kafka.tools.StorageTool")
            run([*tool, "format", "--config", "server.properties", f"--cluster-id={cluster_id}"], cwd=self.home)

    def _command(self) -> Command:
        return [*self._java("kafka.Kafka"), "server.properties"]

    def _java(self, main: str) -> Command:
        logging = f"-Dlog4j2.configurationFile={KAFKA_SETUP / 'log4j2.properties'}"
        return [java_program() or "java", "-Xmx512m", logging, "-cp", kafka_lib() / "*", main]

    def _answers(self) -> bool:
        """Ask for metadata (version 1, no topics), which names the broker only once it is no longer fenced."""
        request = struct.pack(">hhihi", 3, 1, 0, -1, 0)
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(struct.pack(">i", len(request)) + request)
                answer = connection.recv(12, socket.MSG_WAITALL)
        except OSError:
            return False
        return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0

    def _log_end(self) -> str:
        log = self.home / "broker.log"
        lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
        faults = [line for line in lines[-400:] if not re.search(rb" INFO |^\s+(at|\.\.\.) ", line)]
        return f"{super()._log_end()}\n{last_lines(b''.join(faults))}".strip()


class Postgres(Server):
    """A cluster of its own, which has nothing to do with one that the system may run."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave
    ports = POSTGRES_PORTS
    role = "itaas"

    def __init__(self, data_dir: Path, *, port: int, report: Report) -> None:
        super().__init__(data_dir, port=port, report=report)
        self._account = postgres_account()
        self._password = ""

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{self.role}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def discard(self) -> None:
        """Stop it and delete its folder, which need not lie below the data folder: for what was only tried out."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Create it, as a copy of `template`, unless it is there. Raises StackError."""
        absent = "NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name')"
        create = "SELECT format('CREATE DATABASE %I TEMPLATE %I', :'name', :'template')"
        names = ("--set", f"name={name}", "--set", f"template={template}")
        self._psql(f"{create} WHERE {absent} \\gexec", *names)

    @staticmethod
    def missing() -> list[str]:
        lacking = f"PostgreSQL's {', '.join(POSTGRES_PROGRAMS)}: install its server (Debian: postgresql)"
        return [] if postgres_bin() else [lacking]

    def _prepare(self) -> None:
        self._settle_folder()
        password, cluster, unfinished = (self.folder / name for name in ("password", "cluster", "cluster.new"))
        if not cluster.exists():
            self._report(f"postgres: making a cluster in {cluster}")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(mode=0o700)
            password.unlink(missing_ok=True)
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(24))
            self._give(unfinished, password)
            options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--username={self.role}"]
            initdb: Command = [self._program("initdb"), *options, f"--pwfile={password}", f"--pgdata={unfinished}"]
            run(initdb, cwd=self.folder, env=self._environment(), **self._account)
            unfinished.rename(cluster)
        self._password = password.read_text()

    def _settle_folder(self) -> None:
        if not self._account:
            return
        pointer = self.home / "elsewhere"
        if pointer.exists():
            self.folder = Path(pointer.read_text())
            if self.folder.is_dir() and self.folder.stat().st_uid == self._account["user"]:
                return
            self._report(f"postgres: {self.folder} is gone, and its data with it")
        self.folder = self.home
        # Asked of the kernel, since mode bits alone miss access lists and mounts.
        entered = subprocess.run(["sh", "-c", 'cd -- "$1" 2>/dev/null', "sh", self.home], check=False, **self._account)
        if entered.returncode:
            self.folder = Path(tempfile.mkdtemp(prefix="itaas-postgres-", dir="/tmp"))
            self._give(self.folder)
            pointer.write_text(str(self.folder))
            self._report(f"postgres: its user cannot enter {self.home}; the cluster is in {self.folder}")

    def _give(self, *paths: Path) -> None:
        for path in paths if self._account else ():
            os.chown(path, self._account["user"], self._account["group"])

    def _command(self) -> Command:
        where = [f"--listen_addresses={LOOPBACK}", f"--port={self.port}", "--unix_socket_directories="]
        return [self._program("postgres"), "-D", self.folder / "cluster", *where, "--max_connections=200"]

    def _environment(self) -> dict[str, str]:
        # A developer's PGDATA, PGHOST or PGOPTIONS would lead these programs to another server.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return ours | {"PGPASSWORD": self._password, "PGCONNECT_TIMEOUT": "2", "TZ": "UTC"}

    def _program(self, name: str) -> Path:
        return (postgres_bin() or Path()) / name

    def _psql(self, statement: str, *options: str) -> None:
        where = ["--host", LOOPBACK, "--port", str(self.port), "--username", self.role, "--dbname", "postgres"]
        strict = ["--no-psqlrc", "--no-password", "--quiet", "--set", "ON_ERROR_STOP=1"]
        run([self._program("psql"), *where, *strict, *options], env=self._environment(), input=statement.encode())

    def _answers(self) -> bool:
        try:
            self._psql("SELECT 1")
        except StackError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Backends:
    kafka: Kafka
    postgres: Postgres


@contextmanager
def local_backends(
    data_dir: Path,
    *,
    databases: Sequence[str],
    kafka_port: int = 0,
    postgres_port: int = 0,
    report: Report = lambda _: None,
) -> Iterator[Backends]:
    """Both servers, started side by side, with `databases` created. Raises StackError."""
    if lacking := missing():
        raise StackError("\n".join(lacking))
    kafka = Kafka(data_dir, port=kafka_port, report=report)
    postgres = Postgres(data_dir, port=postgres_port, report=report)
    try:
        # Kafka first: it takes longer, and so boots while PostgreSQL's cluster is made.
        kafka.launch()
        postgres.launch()
        postgres.await_ready()
        for database in databases:
            postgres.create_database(database)
        kafka.await_ready()
        yield Backends(kafka, postgres)
    finally:
        postgres.stop()
        kafka.stop()


def kafka_lib() -> Path:
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", (KAFKA_SETUP / "pom.xml").read_text())
    if found is None:
        raise StackError(f"{KAFKA_SETUP / 'pom.xml'} names no kafka.version")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "itaas" / f"kafka-{found[1]}" / "lib"


def resolve_kafka(report: Report = lambda _: None) -> Path:
    """Kafka's jars, fetched by Maven the first time. Raises StackError."""
    lib = kafka_lib()
    if lib.is_dir():
        return lib
    lib.parent.mkdir(parents=True, exist_ok=True)
    with locked(lib.with_name("lock"), RESOLVE_SECONDS, f"another process has been filling {lib} for too long"):
        if not lib.is_dir():
            report(f"kafka: resolving its jars with Maven into {lib} (once)")
            with tempfile.TemporaryDirectory(dir=lib.parent) as unfinished:
                goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}/lib"]
                run(["mvn", "--batch-mode", "--quiet", "--file", KAFKA_SETUP / "pom.xml", *goal])
                Path(unfinished, "lib").rename(lib)
    return lib


def java_program() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which(f"{home}/bin/java" if home else "java")


def java_version() -> int:
    """The major version; 0 for none, or for one that does not run: macOS has one that only says where to get Java."""
    java = java_program()
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    found = re.search(r'version "(\d+)', shown)
    return int(found[1]) if found else 0


def postgres_bin() -> Path | None:
    """The folder of the server's programs: what is on PATH, else the newest of Debian's, which keeps them off PATH."""
    versions = [folder for folder in Path("/usr/lib/postgresql").glob("*") if folder.name.isdecimal()]
    packaged = [folder / "bin" for folder in sorted(versions, key=lambda folder: int(folder.name), reverse=True)]
    folders = [*map(Path, os.get_exec_path()), *packaged]
    return next((one for one in folders if all((one / program).is_file() for program in POSTGRES_PROGRAMS)), None)


def postgres_account() -> dict[str, Any]:
    """Whom PostgreSQL runs as, in subprocess's terms: ourselves unless we are root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do, lest the closing connections of one that has just stopped count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(ports: range) -> int:
    for port in random.sample(ports, 100):
        if is_free(port):
            return port
    raise StackError(f"no free port on {LOOPBACK} from {ports.start} to {ports.stop - 1}")


def run(command: Command, **how: Any) -> None:
    """Run to its end; raises StackError with the last lines of what it said."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **how)
    if ended.returncode:
        raise StackError(f"{Path(command[0]).name} failed:\n{last_lines(ended.stdout)}")


def last_lines(text: bytes) -> str:
    return "\n".join(text.decode(errors="replace").splitlines()[-20:])


@contextmanager
def locked(path: Path, seconds: float, refusal: str) -> Iterator[int]:
    """Hold an exclusive lock; yields its descriptor, and a child that inherits it prolongs the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - began > seconds:
                    raise StackError(refusal) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)
