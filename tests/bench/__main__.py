"""`make bench`, or `python -m tests.bench [name…]`: each figure beside a reference measured in the same run.

Every module of this folder with a `run() -> list[dict]` is a bench. A row has `bench`, `rows`, `cpu_s`,
`rows_per_cpu_s`, `reference`, `reference_cpu_s` and `ratio` (of rows per CPU second, ours to the reference's).
`--write FILE` keeps the table as a page; `--largest N` leaves out larger inputs where a bench has a curve.
"""

import argparse
import importlib
import inspect
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services import logs

FOLDER = Path(__file__).parent
COLUMNS = ("bench", "rows", "cpu_s", "rows_per_cpu_s", "reference", "reference_cpu_s", "ratio")


def benches() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.py") if "\ndef run(" in file.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(benches())}; all without one")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the tables as a page")
    parser.add_argument("--largest", type=int, help="the largest input of a curve")
    options = parser.parse_args()
    logs.configure("error", "console")
    tables: list[str] = []
    for name in options.names or benches():
        run = importlib.import_module(f"tests.bench.{name}").run
        takes = inspect.signature(run).parameters
        given = {"largest": options.largest} if options.largest and "largest" in takes else {}
        rows: list[dict[str, Any]] = run(**given)
        tables.append(f"## {name}\n\n{table(rows)}\n")
        print(tables[-1], flush=True)
    if options.write is not None:
        options.write.write_text(page(tables))


def page(tables: list[str]) -> str:
    now = datetime.now(UTC)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    intro = (
        "# Benches\n\n"
        f"Made by `make bench` on {now:%Y-%m-%d} ({machine}, shared). Trust the ratios, which come from one run, not"
        " the absolute rates: rows per CPU second, ours divided by the reference's.\n"
    )
    return "\n".join([intro, *tables])


def table(rows: list[dict[str, Any]]) -> str:
    columns = [*COLUMNS, *dict.fromkeys(key for row in rows for key in row if key not in COLUMNS)]
    lines = [columns, ["---"] * len(columns)]
    lines += [[_shown(row.get(column)) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1_000 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value if value is not None else "")


if __name__ == "__main__":
    main()
