"""The command `itaas`: one line per fault, exit status 1 on failure, and every command explains itself."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run IT as a demand-driven service business.")


@app.command("dev-migration", help="Write the next migration of an app from its tables.")
def dev_migration(
    name: Annotated[str, typer.Argument(help="catalog, demand, pricing, feedback or gateway")],
    message: Annotated[str, typer.Option("-m", help="What the revision is for")],
) -> None:
    from services.db.database import Database
    from services.db.migrations import write_revision
    from services.suite import definition_of

    definition = definition_of(name)

    async def write() -> Path:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite+aiosqlite:///{folder}/empty.db")
            try:
                return await write_revision(database, definition.migrations, definition.metadata, message, app=name)
            finally:
                await database.close()

    typer.echo(asyncio.run(write()))


def main() -> None:
    app()
