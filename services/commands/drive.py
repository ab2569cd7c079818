"""Commands that drive a suite over HTTP: `itaas loop` and `itaas sample load`."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx

from services import logs
from services.identity.principal import Role
from services.identity.tokens import LocalKeys
from services.loop import LoopFailed, drive_loop
from services.sample.load import load_sample
from services.sample.organisation import SampleNotLoaded
from services.server import bound_socket, serving
from services.settings import ConfigurationError, Settings
from services.suite import running_suite

Echo = Callable[[str], None]
REQUEST_SECONDS = 60
LOADING_SECONDS = 60


class Clients:
    """Callable: a client with a token of the given role, business units and person."""

    def __init__(self, url: str, keys: LocalKeys, stack: AsyncExitStack) -> None:
        self._url = url
        self._keys = keys
        self._stack = stack
        self._made: dict[tuple[Role, tuple[UUID, ...], str | None], httpx.AsyncClient] = {}

    def __call__(self, role: Role, business_units: Sequence[UUID] = (), person: str | None = None) -> httpx.AsyncClient:
        key = (role, tuple(business_units), person)
        if key not in self._made:
            token = self._keys.issue(roles=[role], business_units=list(business_units), person=person)
            headers = {"Authorization": f"Bearer {token}"}
            client = httpx.AsyncClient(base_url=self._url, headers=headers, timeout=REQUEST_SECONDS)
            self._stack.push_async_callback(client.aclose)
            self._made[key] = client
        return self._made[key]


@asynccontextmanager
async def clients_for(url: str, data_dir: Path) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(url, LocalKeys(data_dir / "keys", create=True), stack)


@asynccontextmanager
async def a_suite(url: str | None, settings: Settings, echo: Echo) -> AsyncIterator[str]:
    """The URL of the suite that was named, of the one that runs here, or of one started for this command alone."""
    here = f"http://{settings.itaas_host}:{settings.itaas_port}"
    if await _answers(url or here):
        await _refuse_another_issuer(url or here, settings)
        yield url or here
        return
    if url is not None:
        raise ConfigurationError(f"no suite answers on {url}")
    if not settings.embedded:
        raise ConfigurationError(f"no suite answers on {here}; name it with --url")
    logs.configure("error", settings.log_format)
    with bound_socket(settings.itaas_host, 0) as bound:
        host, port = bound.getsockname()[:2]
        async with running_suite(settings) as gateway, serving(gateway, bound, handle_signals=False):
            echo(f"started a suite of its own on http://{host}:{port} (data in {settings.itaas_data_dir})")
            yield f"http://{host}:{port}"


async def _refuse_another_issuer(url: str, settings: Settings) -> None:
    async with clients_for(url, settings.itaas_data_dir) as client_for:
        answer = await client_for(Role.ADMIN).get("/catalog/v1/services", params={"limit": 1})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ConfigurationError(
                f"the suite on {url} does not know the keys in {settings.itaas_data_dir}: give its --data-dir"
            )


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            return (await client.get(f"{url}/health/live")).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


async def loaded_sample(client_for: Clients, echo: Echo) -> None:
    """Load the sample. Somebody else may be loading it too (`make run`, then `make demo`): collisions are tried again.

    Raises ConnectionError.
    """
    deadline = time.monotonic() + LOADING_SECONDS
    while True:
        try:
            await load_sample(client_for, echo)
            return
        except (SampleNotLoaded, httpx.HTTPError) as error:
            if time.monotonic() > deadline:
                raise ConnectionError(f"the sample could not be loaded: {error or type(error).__name__}") from error
            await asyncio.sleep(random.uniform(0.2, 2))  # apart from the other one, which pauses as well


async def run_loop(url: str | None, settings: Settings, echo: Echo) -> None:
    async with a_suite(url, settings, echo) as found, clients_for(found, settings.itaas_data_dir) as client_for:
        try:
            await loaded_sample(client_for, lambda line: None)
            await drive_loop(client_for, echo)
        except (LoopFailed, httpx.HTTPError) as error:
            raise ConnectionError(f"the loop failed: {error or type(error).__name__}") from error


async def run_sample_load(url: str | None, settings: Settings, echo: Echo) -> None:
    async with a_suite(url, settings, echo) as found, clients_for(found, settings.itaas_data_dir) as client_for:
        try:
            await loaded_sample(client_for, echo)
        except httpx.HTTPError as error:
            raise ConnectionError(f"the sample could not be loaded: {error or type(error).__name__}") from error
