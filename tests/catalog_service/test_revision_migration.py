"""Revisions from before they had content: what is live promises what its service says; what was archived is unknown."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, text

from catalog_service.app import definition
from catalog_service.tables import Revision, Service
from services.db import Database
from services.db.migrations import migrate
from services.ids import uuid7

pytestmark = pytest.mark.anyio

AGGREGATE = "id, version, created_at, updated_at, correlation_id"
AT = r"'2026-10-05 09\:00\:00.000000Z'"
CONTACT = r'{"team"\: "Operations", "channel"\: "#servers"}'


async def test_what_is_live_promises_what_its_service_says(database_url: str, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    for number in (1, 2):
        (revision,) = definition.migrations.glob(f"{number:04}_*.py")
        shutil.copy(revision, before)
    database = Database(database_url)
    await migrate(database, before, definition.metadata, app="catalog")
    service, *revisions = (str(uuid7()) if "postgresql" in database_url else uuid7().hex for _ in range(3))
    async with database.transaction() as session:
        await session.execute(
            text(
                f"INSERT INTO service (name, description, unit_of_measure, support_contact, state, active_revision,"
                f" {AGGREGATE}) VALUES ('Servers', 'Ours', 'server', '{CONTACT}', 'published', 2, '{service}', 3,"
                f" {AT}, {AT}, 't')"
            )
        )
        for number, (one, state) in enumerate(zip(revisions, ("archived", "active"), strict=True), start=1):
            await session.execute(
                text(
                    "INSERT INTO revision (service_id, number, state, summary, changes, improvement_ids, demand_ids,"
                    f" published_at, {AGGREGATE})"
                    f" VALUES ('{service}', {number}, '{state}', 'x', '[]', '[]', '[]', {AT},"
                    f" '{one}', 2, {AT}, {AT}, 't')"
                )
            )
    await migrate(database, definition.migrations, definition.metadata, app="catalog")
    async with database.reading() as session:
        old, live = await session.scalars(select(Revision).order_by(Revision.number))
        assert (old.content, old.theme_ids, old.live_at) == ({}, [], None)
        assert live.content == {
            "name": "Servers",
            "description": "Ours",
            "features": [],
            "support_contact": {"team": "Operations", "channel": "#servers"},
            "capability_ids": [],
        }
        assert (await session.scalars(select(Service.features))).all() == [[]]
    await database.close()
