"""Budgets and reservations from before phases are phased, with entries that make their figures."""

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select, text

from pricing_service.app import definition
from pricing_service.domain.budget import Figure
from pricing_service.tables import Budget, BudgetEntry, Reservation
from services.db import Database
from services.db.migrations import migrate
from services.ids import uuid7

pytestmark = pytest.mark.anyio

AGGREGATE = "id, version, created_at, updated_at, correlation_id"
OLD = (
    f"""INSERT INTO budget (business_unit_id, fiscal_year, currency, amount, reserved, actual, hard, {AGGREGATE})
        VALUES (:unit, 2026, 'USD', '1000', '330', '55.5', true, :budget, 3, :at, :at, 't')""",
    f"""INSERT INTO quote (number, demand_id, business_unit_id, offering_id, price_plan_id, plan_version, state,
        quantity, currency, lines, one_off_lines, usage_charges, total_amount, one_off_amount,
        annual_amount, budget, valid_until, closed_reason, {AGGREGATE})
        VALUES ('Q-2026-000001', :demand, :unit, :unit, :unit, 1, 'accepted', '4', 'USD', '[]', '[]', '[]', '100', '80',
        '1280', '{{}}', :at, NULL, :quote, 2, :at, :at, 't')""",
    """INSERT INTO reservation (quote_id, demand_id, budget_id, amount, "left")
       VALUES (:quote, :demand, :budget, '480', '330')""",
)


async def test_what_is_in_use_is_phased(database_url: str, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    for number in range(1, 7):
        (revision,) = definition.migrations.glob(f"{number:04}_*.py")
        shutil.copy(revision, before)
    database = Database(database_url)
    await migrate(database, before, definition.metadata, app="pricing")
    sqlite = "sqlite" in database_url
    ids = {name: uuid7() for name in ("unit", "budget", "demand", "quote")}
    async with database.transaction() as session:
        for statement in OLD:
            filled = statement.replace(":at", "'2026-10-05 09:00:00.000000Z'")
            for name, value in ids.items():
                filled = filled.replace(f":{name}", f"'{value.hex if sqlite else value}'")
            await session.execute(text(filled))
    await migrate(database, definition.migrations, definition.metadata, app="pricing")
    async with database.reading() as session:
        budget = (await session.scalars(select(Budget))).one()
        entries = list(await session.scalars(select(BudgetEntry)))
        held = list(await session.scalars(select(Reservation).order_by(Reservation.number)))
    phases = budget.phases
    for figure in Figure:
        whole = getattr(budget, figure)
        assert sum(getattr(phase, figure) for phase in phases) == whole
        assert sum(entry.delta for entry in entries if entry.figure == figure) == whole
    assert [phase.reserved for phase in phases] == [0] * 8 + [30, 100, 100, 100]
    assert [(each.number, each.left) for each in held] == [(9, 30), (10, 100), (11, 100), (12, 100)]
    assert (phases[0].actual, phases[11].amount) == (Decimal("55.5"), Decimal("83.33"))
    assert (budget.control, budget.year_end, budget.scope.key, budget.available) == (
        "year",
        "lapse",
        "all",
        Decimal("614.5"),
    )
    await database.close()
