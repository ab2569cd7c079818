"""Rules of the code base that no linter knows."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from services.application import create_app
from services.http import Api
from services.identity.access import has_rule
from services.runtime import ServiceDefinition
from services.settings import APPS
from services.suite import definition_of
from tests.chassis import toy

ROOT = Path(__file__).parents[2]
PACKAGES = ["services", "catalog_service", "demand_service", "pricing_service", "feedback_service", "gateway"]
# Where a transaction may end: the one place that commits, and Alembic's own bookkeeping.
MAY_COMMIT = {"services/db/database.py", "services/db/migrations.py"}


def sources() -> list[Path]:
    return [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            yield node


def test_only_the_edge_commits() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in sources()
        for call in calls(file)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "commit"
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in ("session", "connection", "self")
        and str(file.relative_to(ROOT)) not in MAY_COMMIT
    }
    assert found == set()


def test_sums_of_decimals_go_through_the_exact_helper() -> None:
    """`func.sum` is lossy on SQLite's decimals; over whole numbers it says so beside it: `func.sum(…)  # integers`."""
    found = []
    for file in sources():
        lines = file.read_text().splitlines()
        for call in calls(file):
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr in ("sum", "avg")
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id == "func"
                and "# integers" not in lines[call.lineno - 1]
            ):
                found.append(f"{file.relative_to(ROOT)}:{call.lineno}")
    assert found == []


def test_statuses_are_chosen_in_one_place() -> None:
    """Services refuse in words; the chassis's table maps them to HTTP."""
    found = [
        str(file.relative_to(ROOT))
        for file in sources()
        if "HTTPException" in file.read_text() and not file.is_relative_to(ROOT / "services")
    ]
    assert found == []


def routes(definition: ServiceDefinition) -> Iterator[APIRoute]:
    for router in definition.routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                yield route


@pytest.mark.parametrize("app", APPS)
def test_every_route_has_a_rule_and_says_what_it_does(app: str) -> None:
    definition = definition_of(app)
    seen = 0
    for route in routes(definition):
        seen += 1
        where = f"{app} {sorted(route.methods)} {route.path}"
        assert has_rule(route.dependant), f"{where}: declare may(...) or public()"
        assert route.summary, f"{where}: no summary"
        assert inspect.getdoc(route.endpoint), f"{where}: no description (docstring)"
    assert seen > 0


def test_an_app_with_a_route_without_a_rule_does_not_start(tmp_path: Path) -> None:
    router = Api(prefix="/v1")

    @router.get("/open", summary="Open to anybody")
    async def open_to_anybody() -> None:
        """By mistake."""

    with pytest.raises(TypeError, match="/v1/open: declare who may call it"):
        create_app(ServiceDefinition("pricing", "t", "d", toy.Base, tmp_path, routers=[router]))


@pytest.mark.parametrize("app", APPS)
def test_every_event_that_is_declared_is_listed(app: str) -> None:
    package = app if app == "gateway" else f"{app}_service"
    rooms = [*(ROOT / package).glob("events.py"), *(ROOT / package).glob("events/*.py")]  # the gateway has none yet
    modules = [importlib.import_module(".".join(room.relative_to(ROOT).with_suffix("").parts)) for room in rooms]
    declared = {
        each for module in modules for each in vars(module).values() if isinstance(each, type) and "event" in vars(each)
    }
    assert declared == set(definition_of(app).events)


@pytest.mark.parametrize("app", APPS)
def test_every_event_is_this_apps_own_and_documented(app: str) -> None:
    for event in definition_of(app).events:
        assert event.event.service == app
        assert event.event.summary
        event.model_validate(event.event.example)


@pytest.mark.parametrize("app", APPS)
def test_no_answer_has_a_name_of_its_own_for_reading(app: str) -> None:
    """One document serves both directions: a field that is read under an alias would be told by that alias."""
    package = app if app == "gateway" else f"{app}_service"
    files = [*(ROOT / package).glob("schemas.py"), *(ROOT / package).glob("schemas/*.py")]
    assert [file.name for file in files if "validation_alias" in file.read_text()] == []
