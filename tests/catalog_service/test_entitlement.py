"""Who sees which offerings and services: the matrix, on both databases, through the queries that the routes use."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text

from catalog_service import queries
from catalog_service.app import definition
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.tables import Offering, OfferingAudience, Service
from services import context
from services.db import Database
from services.db.migrations import migrate
from services.identity import KnownBusinessUnit, Principal, Role
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.catalog_service.samples import created, published_offering, published_service

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
# university ──► science ──► physics ──► optics;  university ──► arts
UNITS = {
    name: UUID(int=number) for number, name in enumerate(["university", "science", "physics", "optics", "arts"], 1)
}
PARENTS = {"science": "university", "physics": "science", "optics": "physics", "arts": "university"}
LIVE = OfferingState.PUBLISHED

# name: (everyone, units, roles, state, valid_from, valid_until)
OFFERINGS: dict[str, tuple[bool, list[str], list[str], OfferingState, datetime | None, datetime | None]] = {
    "for all": (True, [], [], LIVE, None, None),
    "for none": (False, [], [], LIVE, None, None),
    "physics": (False, ["physics"], [], LIVE, None, None),
    "science+arts": (False, ["science", "arts"], [], LIVE, None, None),
    "approvers": (False, [], ["approver"], LIVE, None, None),
    "physics consumers": (False, ["physics"], ["consumer"], LIVE, None, None),
    "physics approvers": (False, ["physics"], ["approver"], LIVE, None, None),
    "draft": (True, [], [], OfferingState.DRAFT, None, None),
    "retired": (True, [], [], OfferingState.RETIRED, None, None),
    "to come": (True, [], [], LIVE, NOW + DAY, None),
    "from now": (True, [], [], LIVE, NOW, NOW + DAY),
    "until now": (True, [], [], LIVE, NOW - DAY, NOW),
}
ALWAYS = {"for all", "retired", "from now"}
PHYSICS = {"physics", "science+arts", "physics consumers"}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    await migrate(made, definition.migrations, definition.metadata, app="catalog")
    with context.entered(context.WorkContext("thread", "cause", "request")):
        async with made.transaction() as session:
            session.add_all(
                KnownBusinessUnit(
                    id=id_, sequence=1, seen_at=NOW, name=name, parent_id=UNITS.get(PARENTS.get(name, ""))
                )
                for name, id_ in UNITS.items()
            )
            for name, (everyone, units, roles, state, valid_from, valid_until) in OFFERINGS.items():
                service = Service(
                    name=name, description="", unit_of_measure="u", state=ServiceState.PUBLISHED, active_revision=1
                )
                offering_id = uuid7()
                lines = [("business_unit", str(UNITS[unit])) for unit in units] + [("role", role) for role in roles]
                session.add(
                    Offering(
                        id=offering_id,
                        series_id=offering_id,
                        number=1,
                        service=service,
                        name=name,
                        description="",
                        unit_of_measure="u",
                        commitments=[],
                        fulfilment=[],
                        options=[],
                        state=state,
                        everyone=everyone,
                        valid_from=valid_from,
                        valid_until=valid_until,
                        audience_lines=[OfferingAudience(kind=kind, value=value) for kind, value in lines],
                    )
                )
        yield made
    await made.close()


def caller(*roles: str, units: tuple[str, ...] = ()) -> Principal:
    return Principal("s", "p", frozenset(Role(role) for role in roles), frozenset(UNITS[unit] for unit in units))


MATRIX = [
    (caller("consumer"), None, ALWAYS),
    (caller("consumer", units=("physics",)), None, ALWAYS | PHYSICS),
    (caller("consumer", units=("optics",)), None, ALWAYS | PHYSICS),  # below physics
    (caller("consumer", units=("science",)), None, ALWAYS | PHYSICS),  # above physics
    (caller("consumer", units=("university",)), None, ALWAYS | PHYSICS),
    (caller("consumer", units=("arts",)), None, ALWAYS | {"science+arts"}),
    (caller("consumer", units=("arts", "optics")), None, ALWAYS | PHYSICS),
    (caller("consumer", units=("arts", "optics")), "arts", ALWAYS | {"science+arts"}),
    (caller("consumer", units=("university",)), "arts", ALWAYS | {"science+arts"}),
    (
        caller("consumer", "approver", units=("arts",)),
        None,
        ALWAYS | PHYSICS | {"approvers", "physics approvers"},
    ),
    (caller("approver"), None, ALWAYS | {"physics", "science+arts", "approvers", "physics approvers"}),
    *((caller(role), None, set(OFFERINGS)) for role in ("service_owner", "finance", "integration", "admin")),
    (caller("demand_leader", units=("arts",)), None, set(OFFERINGS)),
    (
        caller("service_owner"),
        "arts",
        ALWAYS | {"science+arts", "approvers", "draft", "to come", "until now"},
    ),
]


async def test_who_sees_what(database: Database) -> None:
    async with database.reading() as session:
        for principal, unit, expected in MATRIX:
            sight = await queries.sight_of(
                session, principal, now=NOW, business_unit_id=None if unit is None else UNITS[unit]
            )
            seen = set(await session.scalars(select(Offering.name).where(queries.entitled(sight))))
            assert seen == expected, (principal.roles, unit)
            services = set(await session.scalars(select(Service.name).where(queries.entitled_service(sight))))
            # What has lapsed can still be read; a service of which nothing has been live yet hides nothing.
            more = set() if sight.drafts else {"until now", "draft"}
            assert services == expected | more, (principal.roles, unit)


async def test_the_database_finds_audiences_by_index(database: Database) -> None:
    """The list is walked along its key, unsorted, and each offering's audience is looked up by an index."""
    async with database.reading() as session:
        sight = await queries.sight_of(session, caller("consumer", units=("physics",)), now=NOW)
        dialect = session.get_bind().dialect
        for filters in (queries.Filters(), queries.Filters(state=LIVE)):
            query = queries.offered_to(sight, filters, dialect.name).order_by(Offering.id).limit(50)
            sql = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace(":", "\\:")
            if dialect.name == "sqlite":
                plan = [row[-1] for row in await session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
                assert not [line for line in plan if "SCAN offering_audience" in line or "TEMP B-TREE" in line], plan
                assert [line for line in plan if "SEARCH offering_audience USING" in line], plan
            else:
                # Of a handful of rows a scan is cheaper: it is off, as what is asked is whether an index fits.
                await session.execute(text("SET LOCAL enable_seqscan = off"))
                plan = [row[0] for row in await session.execute(text(f"EXPLAIN {sql}"))]
                assert not [line for line in plan if "Seq Scan" in line], plan
                assert [line for line in plan if "offering_audience" in line and "Index" in line], plan


async def test_a_unit_of_somebody_else_is_refused(database: Database) -> None:
    async with database.reading() as session:
        for unit in ("arts", "university", None):
            wanted = uuid7() if unit is None else UNITS[unit]
            with pytest.raises(queries.BusinessUnitNotYours) as refused:
                await queries.sight_of(
                    session, caller("consumer", units=("physics",)), now=NOW, business_unit_id=wanted
                )
            assert refused.value.faults[0].pointer == "business_unit_id"


async def test_what_is_not_for_the_caller_is_not_there(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    """Over HTTP: list, single read, and the service with its revisions."""
    science, arts = uuid7(), uuid7()
    service = await published_service(owner)
    offering = await published_offering(owner, service["id"])
    other = await published_service(owner, external_ids=[])
    await created(owner, "/v1/offerings", {"service_id": other["id"], "name": "Draft"})
    async with catalog.runtime.database.transaction() as session:
        row = await session.get(Offering, UUID(offering["id"]))
        assert row is not None
        with context.entered(context.WorkContext("thread", "cause", "request")):
            row.everyone = False
            row.audience_lines = [OfferingAudience(kind="business_unit", value=str(science))]
            await session.flush()
    for unit, status, services in ((science, 200, 2), (arts, 404, 1)):
        client = catalog.client(["consumer"], [unit])
        assert (await client.get(f"/v1/offerings/{offering['id']}")).status_code == status
        assert (await client.get(f"/v1/services/{service['id']}")).status_code == status
        assert (await client.get(f"/v1/services/{service['id']}/revisions")).status_code == status
        assert (await client.get(f"/v1/services/{service['id']}/revisions/1")).status_code == status
        listed = (await client.get("/v1/offerings")).json()["items"]
        assert [item["id"] for item in listed] == ([offering["id"]] if status == 200 else [])
        assert len((await client.get("/v1/services")).json()["items"]) == services
        refused = await client.get("/v1/offerings", params={"business_unit_id": str(uuid7())})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "business_unit_id")
