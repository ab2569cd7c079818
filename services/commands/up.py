"""`itaas up` and `itaas stack`: serve the suite, and say where to look and with which tokens."""

import asyncio
import signal
import threading
from pathlib import Path
from uuid import UUID

import httpx
import typer

from services import logs
from services.commands.drive import clients_for, loaded_sample
from services.identity.principal import Role
from services.identity.tokens import LocalKeys
from services.local.backends import StackError
from services.local.stack import running_stack
from services.server import bound_socket, serving
from services.settings import ConfigurationError, Settings
from services.suite import running_suite


async def serve_suite(settings: Settings, *, with_sample: bool) -> None:
    # On a terminal the access log would bury the tokens and links; whoever wants it says LOG_LEVEL=info.
    asked = "log_level" in settings.model_fields_set
    logs.configure(settings.log_level if asked else "warning", settings.log_format)
    bound = bound_socket(settings.itaas_host, settings.itaas_port)
    host, port = bound.getsockname()[:2]
    with bound:
        async with running_suite(settings) as gateway, serving(gateway, bound) as served:
            url = f"http://{host}:{port}"
            typer.echo(f"ITaaS is ready on {url} (data in {settings.itaas_data_dir})")
            if with_sample:
                typer.echo("loading the sample organisation where it is not there yet")
                await _load(url, settings.itaas_data_dir, served)
            if not served.done():
                await _say_where_to_look(url, settings.itaas_data_dir)
            await served


def serve_stack(data_dir: Path, *, port: int, with_sample: bool) -> None:
    try:
        with running_stack(data_dir, port=port, report=typer.echo) as stack:
            typer.echo(f"ITaaS is ready on {stack.url}: Kafka on {stack.backends.kafka.bootstrap}, five processes")

            async def introduce() -> None:
                if with_sample:
                    await _load(stack.url, data_dir, None)
                await _say_where_to_look(stack.url, data_dir)

            asyncio.run(introduce())
            stopped = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopped.set())
            while not stopped.wait(1):
                dead = [name for name, process in stack.apps.items() if not process.running]
                if dead:
                    raise StackError(f"{dead[0]} ended by itself; see {data_dir}/stack/{dead[0]}/console.log")
            typer.echo("stopping")
    except StackError as error:
        raise ConfigurationError(str(error)) from error


async def _load(url: str, data_dir: Path, served: "asyncio.Task[None] | None") -> None:
    async with clients_for(url, data_dir) as client_for:
        loading = asyncio.ensure_future(loaded_sample(client_for, typer.echo))
        waiting = {loading} if served is None else {loading, served}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            loading.cancel()  # asked to stop meanwhile; loading goes on at the next start
            await asyncio.gather(loading, return_exceptions=True)
            return
        try:
            await loading
        except ConnectionError as error:
            typer.echo(f"{error}; served without the rest of it, `itaas sample load` tries again", err=True)


async def _say_where_to_look(url: str, data_dir: Path) -> None:
    keys = LocalKeys(data_dir / "keys", create=True)
    units: list[UUID] = []
    async with clients_for(url, data_dir) as client_for:
        try:
            answer = await client_for(Role.ADMIN).get("/demand/v1/business-units", params={"limit": 200})
            units = [UUID(unit["id"]) for unit in answer.raise_for_status().json()["items"]]
        except httpx.HTTPError:
            pass  # only the tokens' scope below depends on it
    typer.echo("\ntokens (good for 30 days; `itaas token --help` makes others):\n")
    for role in Role:
        scope = units if role in (Role.CONSUMER, Role.DEMAND_LEADER) else []
        typer.echo(f"  {role}\n{keys.issue(roles=[role], business_units=scope)}\n")
    typer.echo(f"  {url}/              what this is")
    typer.echo(f"  {url}/docs          the API, to read and to try: paste a token under Authorize")
    typer.echo(f"  {url}/openapi.json  the same for programs")
    typer.echo(f"\n  the whole value loop, step by step: itaas loop --url {url} --data-dir {data_dir}")
