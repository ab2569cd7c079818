"""The distributed mode on this machine, for real and without Docker: what `make stack` runs.

Apache Kafka and PostgreSQL (services.local.backends), one database per app, and every app a process of its own with
its relay, consumer and worker. All of it listens on 127.0.0.1 and ends with this process.
"""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.identity import LocalKeys
from services.local.backends import LOOPBACK, Backends, Command, Report, Server, StackError, local_backends
from services.settings import APPS, SERVICES

FIRST_SERVICE_PORT = 8081


class AppProcess(Server):
    """One app under uvicorn."""

    stop_signal = signal.SIGTERM
    ports = range(0)  # always told

    def __init__(self, app: str, data_dir: Path, *, port: int, environment: Mapping[str, str], report: Report) -> None:
        self.app = app
        self.name = app  # type: ignore[misc]  # one class stands for all five apps
        super().__init__(data_dir, port=port, report=report)
        self._account = {"env": dict(environment)}

    @staticmethod
    def missing() -> list[str]:
        return []

    def _prepare(self) -> None:
        pass

    def _command(self) -> Command:
        package = self.app if self.app == "gateway" else f"{self.app}_service"
        options = ["--host", LOOPBACK, "--port", str(self.port), "--no-access-log", "--timeout-graceful-shutdown", "10"]
        # Longer than the gateway keeps its connections idle, so that it never sends on one that is being closed.
        options += ["--timeout-keep-alive", "75"]
        return [sys.executable, "-m", "uvicorn", f"{package}.app:app", *options]

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


@dataclass(frozen=True)
class Stack:
    """The running stack: `environment` is what its apps and commands were started with."""

    url: str
    backends: Backends
    apps: Mapping[str, AppProcess]
    environment: Mapping[str, str]


@contextmanager
def running_stack(
    data_dir: Path, *, port: int = 8080, first_service_port: int = FIRST_SERVICE_PORT, report: Report
) -> Iterator[Stack]:
    """Start everything, migrate, wait until ready; stop it all on leaving. Raises StackError."""
    home = data_dir / "stack"
    LocalKeys(data_dir / "keys", create=True)
    with ExitStack() as stack:
        databases = [f"itaas_{app}" for app in APPS]
        backends = stack.enter_context(local_backends(home, databases=databases, report=report))
        ports = {app: first_service_port + number for number, app in enumerate(SERVICES)} | {"gateway": port}
        environment = dict(os.environ) | {
            "ITAAS_DATA_DIR": str(data_dir.absolute()),
            "KAFKA_BOOTSTRAP_SERVERS": backends.kafka.bootstrap,
            **{f"{app.upper()}_DATABASE_URL": backends.postgres.url(f"itaas_{app}") for app in APPS},
            **{f"{app.upper()}_URL": f"http://{LOOPBACK}:{ports[app]}" for app in SERVICES},
        }
        report("migrating databases and topics")
        command = [sys.executable, "-m", "services", "migrate"]
        migrated = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if migrated.returncode:
            raise StackError(f"itaas migrate failed:\n{migrated.stderr or migrated.stdout}")
        apps = {}
        for app in APPS:
            process = AppProcess(app, home, port=ports[app], environment=environment, report=report)
            stack.callback(process.stop)
            process.launch()
            apps[app] = process
        for process in apps.values():
            process.await_ready()
        yield Stack(f"http://{LOOPBACK}:{port}", backends, apps, environment)
