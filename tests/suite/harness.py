"""A suite in a process of its own, as an operator starts it: can be killed, and started again on the same data."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def itaas(*arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command `itaas` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "services", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=clean_environment() | environment,
    )


def clean_environment() -> dict[str, str]:
    """The environment without any setting of the suite's, so that a developer's own do not leak into a test."""
    ours = ("ITAAS_DATA", "ITAAS_HOST", "ITAAS_PORT", "KAFKA_", "OIDC_", "LOG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours) and "_DATABASE_" not in name}


class EmbeddedSuite:
    """`itaas up` on a port and a data folder."""

    def __init__(self, data_dir: Path, *, port: int | None = None, sample: bool = True) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._sample = ["--sample"] if sample else []
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, seconds: float = 60) -> float:
        """Start and wait for the first 200; returns how long that took."""
        began = time.monotonic()
        command = [sys.executable, "-m", "services", "up", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        log = (self.data_dir.parent / f"{self.data_dir.name}.log").open("a")
        self._process = subprocess.Popen(
            [*command, *self._sample], stdout=log, stderr=log, text=True, env=clean_environment()
        )
        while time.monotonic() - began < seconds:
            if self._process.poll() is not None:
                raise RuntimeError(f"itaas up ended by itself: {self.log()[-2000:]}")
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=1).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"itaas up is not ready after {seconds} s: {self.log()[-2000:]}")

    def log(self) -> str:
        return (self.data_dir.parent / f"{self.data_dir.name}.log").read_text()

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
