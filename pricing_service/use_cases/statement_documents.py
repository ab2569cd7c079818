"""A statement as its business unit's controller wants it: a page to print, a CSV, FOCUS rows."""

import csv
import io
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any
from uuid import UUID

from jinja2 import Environment, StrictUndefined, Template
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.csv_cells import safe_cell
from pricing_service.domain.focus_export import COLUMNS, BilledCharge, focus_row
from pricing_service.domain.prices.line import LineKind
from pricing_service.domain.statement import StatementState
from pricing_service.tables import CreditNote, CreditNoteLine, Statement, StatementLine
from pricing_service.use_cases import billed_charges, insights, levers
from pricing_service.use_cases.billed_charges import Names
from services.db import Database
from services.http import plain
from services.identity import Units
from services.money import Money, exact_total

CSV_COLUMNS = (
    "statement_id", "period", "sequence", "state", "mode", "business_unit_id", "business_unit", "position", "line_id",
    "kind", "service", "offering", "subscription_id", "charge", "name", "model", "service_period", "adjusts_period",
    "from", "until", "quantity", "unit", "unit_price", "amount", "currency", "plan_version", "formula",
)  # fmt: skip
_STATEMENTS_AT_ONCE = 50


def content_security_policy(nonce: str) -> str:
    """The page runs nothing and loads nothing; its one style element carries the nonce."""
    return f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@cache
def _template() -> Template:
    page = files("pricing_service").joinpath("assets/statement.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(page)


async def page(session: AsyncSession, statement: Statement) -> tuple[str, str]:
    """The statement as HTML, and the nonce of its style."""
    named = await billed_charges.names(session, statement.period)
    lines = await _lines(session, [statement.id])
    credits = await session.scalars(
        select(CreditNote).where(CreditNote.statement_id == statement.id).order_by(CreditNote.id)
    )
    changes = await insights.read_changes(session, statement)
    found = await levers.read_levers(session, statement)
    period = named.calendar.parse(statement.period)
    owed = statement.owed
    nonce = secrets.token_urlsafe(16)
    offering_of = {line.subscription_id: line.offering_id for line in lines}
    html = _template().render(
        nonce=nonce,
        head={
            "number": f"{statement.period} no. {statement.sequence}",
            "business_unit": named.unit(statement.business_unit_id),
            "period": period.name,
            "first_day": period.first_day.isoformat(),
            "last_day": (period.end_day.fromordinal(period.end_day.toordinal() - 1)).isoformat(),
            "state": statement.state,
            "mode": statement.mode,
            "issued_at": None if statement.issued_at is None else f"{statement.issued_at:%Y-%m-%d %H:%M} UTC",
            "issuer": named.issuer,
            "currency": statement.currency,
            "total": _amount(statement.total),
            "credited": _amount(statement.credited) if statement.credited_amount else None,
            "owed": None if owed is None else _amount(owed),
        },
        services=list(_by_service(named, lines)),
        credits=[
            {
                "number": note.number,
                "period": note.period,
                "origin": note.origin.replace("_", " "),
                "amount": _amount(note.total),
            }
            for note in credits
        ],
        changes={
            "before": changes.compared_with,
            "total_before": plain(changes.before),
            "total_after": plain(changes.after),
            "difference": plain(changes.difference),
            "rows": [
                {
                    "offering": "" if change.offering_id is None else named.offering(change.offering_id),
                    "charge": change.charge,
                    "driver": change.driver.value,
                    "amount": plain(change.amount),
                }
                for change in changes.items
            ],
        },
        levers=[
            {
                "offering": named.offering(offering_of[lever.subscription_id]),
                "reason": lever.reason,
                "saving": plain(lever.saving.amount),
                "once": plain(lever.once.amount) if lever.once.amount else None,
            }
            for lever in found.items
        ],
    )
    return html, nonce


def _amount(money: Money) -> str:
    return plain(money.rounded().amount)


def _by_service(named: Names, lines: Sequence[StatementLine]) -> Iterable[dict[str, Any]]:
    ordered = sorted(lines, key=lambda line: (named.service(line.service_id), line.service_id, line.position))
    for service_id, group in groupby(ordered, key=lambda line: line.service_id):
        of_service = list(group)
        yield {
            "name": named.service(service_id),
            "total": plain(exact_total([line.amount for line in of_service])),
            "lines": [
                {
                    "offering": named.offering(line.offering_id),
                    "name": line.name,
                    "note": _note(line),
                    "formula": line.formula,
                    "days": _days(line),
                    "quantity": plain(line.quantity) if line.kind == LineKind.CHARGE else "",
                    "unit": named.measure(line) if line.kind == LineKind.CHARGE else "",
                    "amount": plain(line.amount),
                }
                for line in of_service
            ],
        }


def _days(line: StatementLine) -> str:
    """The first day and the last one, as people say it; the CSV tells the half-open days."""
    last = None if line.split_end is None else line.split_end - timedelta(days=1)
    return f"{line.split_start}" if last is None or last <= line.split_start else f"{line.split_start} to {last}"


def _note(line: StatementLine) -> str:
    if line.adjusts_period is not None:
        return f"adjusts {line.adjusts_period}"
    return "" if line.kind == LineKind.CHARGE else line.kind.replace("_", " ")


async def lines_csv(session: AsyncSession, statement: Statement) -> str:
    named = await billed_charges.names(session, statement.period)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for line in await _lines(session, [statement.id]):
        writer.writerow(
            (
                statement.id, statement.period, statement.sequence, statement.state, statement.mode or "",
                statement.business_unit_id, safe_cell(named.unit(statement.business_unit_id)), line.position, line.id,
                line.kind, safe_cell(named.service(line.service_id)), safe_cell(named.offering(line.offering_id)),
                line.subscription_id, line.charge, safe_cell(line.name), line.model, line.service_period,
                line.adjusts_period or "", line.split_start, line.split_end or "", plain(line.quantity),
                named.measure(line), "" if line.unit_price is None else plain(line.unit_price), plain(line.amount),
                line.currency, line.plan_version or "", safe_cell(line.formula),
            )
        )  # fmt: skip
    return text.getvalue()


async def statement_focus(session: AsyncSession, statement: Statement) -> str:
    """The statement's own rows; a draft's too, which then are provisional."""
    named = await billed_charges.names(session, statement.period)
    charges = billed_charges.of_statement(named, statement, await _lines(session, [statement.id]))
    return focus_header() + focus_lines(charges)


async def period_focus(
    database: Database, period: str, units: Units, business_unit_id: UUID | None
) -> AsyncIterator[str]:
    """FOCUS rows of everything issued in a period: statements, what was billed earlier for it, credit notes.

    One read transaction, streamed: as many statements are held in memory as are written at once.
    """
    async with database.reading() as session:
        yield focus_header()
        named = await billed_charges.names(session, period)
        visible = billed_charges.visible_to(units, business_unit_id)
        issued = select(Statement.id).where(*visible, Statement.period == period)
        ids = list(await session.scalars(issued.order_by(Statement.id)))
        for start in range(0, len(ids), _STATEMENTS_AT_ONCE):
            for statement, lines in await _with_lines(session, ids[start : start + _STATEMENTS_AT_ONCE]):
                yield focus_lines(billed_charges.of_statement(named, statement, lines))
        prepaid = select(StatementLine.statement_id).where(StatementLine.service_period == period)
        ids = list(
            await session.scalars(
                select(Statement.id)
                .where(*visible, Statement.id.in_(prepaid), Statement.period < period)
                .order_by(Statement.id)
            )
        )
        for start in range(0, len(ids), _STATEMENTS_AT_ONCE):
            for statement, lines in await _with_lines(session, ids[start : start + _STATEMENTS_AT_ONCE]):
                of_period = [line for line in lines if line.service_period == period]
                yield focus_lines(billed_charges.drawn_down(named, statement, of_period))
        notes = select(CreditNote).where(CreditNote.period == period)
        if units.visible is not None:
            notes = notes.where(CreditNote.business_unit_id.in_(units.visible))
        if business_unit_id is not None:
            notes = notes.where(CreditNote.business_unit_id == business_unit_id)
        for note in await session.scalars(notes.order_by(CreditNote.id)):
            credited = await session.execute(
                select(CreditNoteLine, StatementLine)
                .join(StatementLine, StatementLine.id == CreditNoteLine.statement_line_id)
                .where(CreditNoteLine.credit_note_id == note.id)
                .order_by(CreditNoteLine.position)
            )
            yield focus_lines(billed_charges.of_credit_note(named, note, [(line, of) for line, of in credited]))


def focus_header() -> str:
    return ",".join(COLUMNS) + "\r\n"


def focus_lines(charges: Iterable[BilledCharge]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    for charge in charges:
        writer.writerow(focus_row(charge))
    return text.getvalue()


async def _lines(session: AsyncSession, statement_ids: Sequence[UUID]) -> list[StatementLine]:
    query = select(StatementLine).where(StatementLine.statement_id.in_(statement_ids))
    return list(await session.scalars(query.order_by(StatementLine.statement_id, StatementLine.position)))


async def _with_lines(
    session: AsyncSession, statement_ids: Sequence[UUID]
) -> list[tuple[Statement, list[StatementLine]]]:
    statements = await session.scalars(
        select(Statement).where(Statement.id.in_(statement_ids), Statement.state != StatementState.DRAFT)
    )
    by_id = {statement.id: statement for statement in statements}
    lines: dict[UUID, list[StatementLine]] = {id_: [] for id_ in by_id}
    for line in await _lines(session, list(by_id)):
        lines[line.statement_id].append(line)
    return [(by_id[id_], lines[id_]) for id_ in statement_ids if id_ in by_id]
