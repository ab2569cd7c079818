"""The command `itaas`: one line per fault, exit status 1 on failure, and every command explains itself.

Modules are imported inside the commands that need them: `itaas token` should not wait for SQLAlchemy.
"""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from services.errors import Refusal
from services.settings import APPS, ConfigurationError, Settings, load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run IT as a demand-driven service business. Configuration: see the table in README.md.",
)
dlq = typer.Typer(no_args_is_help=True, help="Events that an app has refused for good.")
events = typer.Typer(no_args_is_help=True, help="The event log.")
sample = typer.Typer(no_args_is_help=True, help="The sample organisation.")
app.add_typer(dlq, name="dlq")
app.add_typer(events, name="events")
app.add_typer(sample, name="sample")

DataDir = Annotated[Path | None, typer.Option(help="Data folder [default: .itaas, or ITAAS_DATA_DIR]")]
AppName = Annotated[str, typer.Argument(help="catalog, demand, pricing, feedback or gateway")]
Url = Annotated[str | None, typer.Option(help="Where the suite answers [default: the one that runs here]")]


def main() -> None:
    try:
        app()
    except (ConfigurationError, Refusal, LookupError, ConnectionError, OSError) as error:
        fail(error)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("sqlalchemy", "sqlite3", "asyncpg", "kafka"):
            raise  # a defect: its traceback is what mends it
        fail(RuntimeError(str(getattr(error, "orig", None) or error).splitlines()[0]))
    except KeyboardInterrupt:
        sys.exit(130)


def fail(error: Exception) -> None:
    for line in str(error).strip().splitlines() or [type(error).__name__]:
        typer.echo(f"itaas: {line}", err=True)
    sys.exit(1)


def settings_for(data_dir: Path | None, **overrides: object) -> Settings:
    if data_dir is not None:
        overrides["itaas_data_dir"] = data_dir
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def run(work: Coroutine[Any, Any, Any]) -> Any:
    import uvloop

    return uvloop.run(work)


def app_named(name: str) -> str:
    if name not in APPS:
        raise LookupError(f"no app {name!r}: there are {', '.join(APPS)}")
    return name


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port [default: 8080]")] = None,
    host: Annotated[str | None, typer.Option(help="Address [default: 127.0.0.1]")] = None,
    data_dir: DataDir = None,
    with_sample: Annotated[bool, typer.Option("--sample", help="Load the sample organisation first")] = False,
) -> None:
    """Serve the whole suite in this process, with SQLite and the embedded event log; Ctrl-C stops it."""
    from services.commands.up import serve_suite

    settings = settings_for(data_dir, itaas_port=port, itaas_host=host)
    if not settings.embedded:
        raise ConfigurationError("`itaas up` is the embedded mode, but KAFKA_BOOTSTRAP_SERVERS is set")
    run(serve_suite(settings, with_sample=with_sample))


@app.command()
def stack(
    port: Annotated[int, typer.Option(help="The gateway's port")] = 8080,
    data_dir: DataDir = None,
    with_sample: Annotated[bool, typer.Option("--sample", help="Load the sample organisation first")] = False,
) -> None:
    """Serve the distributed mode on this machine: Apache Kafka, PostgreSQL and five processes; Ctrl-C stops it."""
    from services.commands.up import serve_stack

    serve_stack(settings_for(data_dir).itaas_data_dir, port=port, with_sample=with_sample)


@app.command()
def migrate(names: Annotated[list[str] | None, typer.Argument(help="Apps [default: all]")] = None) -> None:
    """Bring databases and topics up to date. Safe to run again, and beside another `itaas migrate`."""
    from services.commands.operate import migrate_apps

    run(migrate_apps(load_settings(), [app_named(name) for name in names or APPS], typer.echo))


@app.command()
def token(
    role: Annotated[list[str], typer.Option(help="A role; may be given several times")],
    business_unit: Annotated[list[str] | None, typer.Option(help="A business unit's id; several times too")] = None,
    person: Annotated[str | None, typer.Option(help="Whose token [default: named like the roles]")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is good for")] = 30,
    data_dir: DataDir = None,
) -> None:
    """Print a token of the embedded issuer, and nothing else."""
    from services.identity.principal import Role
    from services.identity.tokens import LocalKeys

    unknown = [name for name in role if name not in set(Role)]
    if unknown:
        raise ConfigurationError(f"no role {unknown[0]!r}: there are {', '.join(Role)}")
    try:
        units = [UUID(unit) for unit in business_unit or []]
    except ValueError:
        raise ConfigurationError("--business-unit takes a business unit's id (a UUID)") from None
    keys = LocalKeys(settings_for(data_dir).itaas_data_dir / "keys", create=True)
    typer.echo(keys.issue(roles=[Role(r) for r in role], business_units=units, person=person, seconds=days * 24 * 3600))


@app.command()
def loop(url: Url = None, data_dir: DataDir = None) -> None:
    """Drive the whole value loop over HTTP and print each step; exits 1 if a step, a sum or an event is missing."""
    from services.commands.drive import run_loop

    run(run_loop(url, settings_for(data_dir), typer.echo))


@sample.command("load")
def sample_load(url: Url = None, data_dir: DataDir = None) -> None:
    """Load the sample organisation over HTTP. What is there already stays as it is."""
    from services.commands.drive import run_sample_load

    run(run_sample_load(url, settings_for(data_dir), typer.echo))


@sample.command("costs")
def sample_costs(period: Annotated[str, typer.Argument(help="A month, such as 2026-10")]) -> None:
    """Print the sample organisation's costs of a month as FOCUS CSV."""
    from services.sample.costs import write_costs

    try:
        write_costs(period, sys.stdout)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


@dlq.command("list")
def dlq_list(
    name: Annotated[str | None, typer.Argument(help="An app [default: all]")] = None,
    replayed: Annotated[bool, typer.Option("--all", help="Those that were replayed, too")] = False,
    data_dir: DataDir = None,
) -> None:
    """List dead letters: id, app, from where in the log, when, and why."""
    from services.commands.operate import list_dead_letters

    apps = [app_named(name)] if name else list(APPS)
    run(list_dead_letters(settings_for(data_dir), apps, replayed=replayed, echo=typer.echo))


@dlq.command("replay")
def dlq_replay(
    name: AppName, letter: Annotated[str, typer.Argument(help="A dead letter's id")], data_dir: DataDir = None
) -> None:
    """Give a dead letter to that app's handler once more. Publishes the letter nowhere."""
    from services.commands.operate import replay_dead_letter

    try:
        letter_id = UUID(letter)
    except ValueError:
        raise ConfigurationError(f"{letter!r} is not a dead letter's id") from None
    run(replay_dead_letter(settings_for(data_dir), app_named(name), letter_id, typer.echo))


@app.command()
def rebuild(name: AppName, data_dir: DataDir = None) -> None:
    """Fill an app's projections again from the topics. Reactions are not replayed."""
    from services.commands.operate import rebuild_projections

    run(rebuild_projections(settings_for(data_dir), app_named(name), typer.echo))


@events.command("tail")
def events_tail(
    data_dir: DataDir = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Everything there is, then what comes")] = False,
    once: Annotated[bool, typer.Option("--once", help="Stop at the end instead of waiting for more")] = False,
) -> None:
    """Print the events of all topics as they come, one line each."""
    from services.commands.operate import tail_events

    run(tail_events(settings_for(data_dir), from_start=from_start, once=once, echo=typer.echo))


@app.command("dev-migration")
def dev_migration(name: AppName, message: Annotated[str, typer.Option("-m", help="What the revision is for")]) -> None:
    """Write the next migration of an app by comparing its tables with its revisions."""
    from services.commands.operate import write_migration

    os.environ.setdefault("ITAAS_DATA_DIR", ".itaas")
    typer.echo(asyncio.run(write_migration(app_named(name), message)))
