"""Journals: made when a statement is posted, and when a credit note is issued against one that is."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import journal as domain
from pricing_service.domain.csv_cells import safe_cell
from pricing_service.domain.journal import Accounts, Intercompany, Pair, Profile, Provider, Side, Tax
from pricing_service.schemas import journals as bodies
from pricing_service.tables import (
    BillingProfile,
    BillingProvider,
    CreditNote,
    IntercompanyAccounts,
    Journal,
    JournalLine,
    Statement,
)
from pricing_service.use_cases.numbering import JOURNAL, next_number
from pricing_service.use_cases.periods import require_open
from services import context
from services.errors import NotFound
from services.http import plain
from services.ids import uuid7
from services.money import exact_total

ZERO = Decimal(0)
EXPORTED_AT_ONCE = 200
EXPORT_COLUMNS = (
    "journal",
    "posted_at",
    "period",
    "source_period",
    "line",
    "legal_entity",
    "account",
    "cost_centre",
    "debit",
    "credit",
    "currency",
    "tax_code",
    "partner_entity",
    "purpose",
    "service_id",
    "business_unit_id",
    "statement_id",
    "credit_note_id",
)


async def book_statement(session: AsyncSession, statement: Statement, *, now: datetime) -> None:
    """The statement's journal, and those of the credit notes that were issued before it was posted.

    Mappings are those of the statement's period. What is nothing makes no journal. Raises JournalMappingMissing.
    """
    accounts, sources = await _accounts(session, statement)
    net = await queries.net_by_service(session, statement.id)
    await _book(session, statement, None, net, accounts, sources, now=now)
    for note in await queries.unbooked_credit_notes(session, statement.id):
        await _book(
            session, statement, note, await queries.credit_net_by_service(session, note.id), accounts, sources, now=now
        )


async def book_credit_note(session: AsyncSession, statement: Statement, note: CreditNote, *, now: datetime) -> None:
    """Against a posted statement: on the same accounts as the statement itself, whatever they are by now."""
    posted = await queries.journal_of_statement(session, statement.id)
    if posted is None:  # the statement came to nothing in every service
        accounts, sources = await _accounts(session, statement)
    else:
        accounts, sources = read_accounts(posted.accounts), posted.accounts["sources"]
    net = await queries.credit_net_by_service(session, note.id)
    await _book(session, statement, note, net, accounts, sources, now=now)


async def _book(
    session: AsyncSession,
    statement: Statement,
    note: CreditNote | None,
    net_by_service: dict[UUID, Decimal],
    accounts: Accounts,
    sources: dict[str, Any],
    *,
    now: datetime,
) -> None:
    net = exact_total(list(net_by_service.values()))
    before = ZERO if note is None else await queries.booked_credit_net(session, statement.id)
    tax = domain.tax_on(net, accounts, statement.currency, before=before)
    lines = domain.entries(net_by_service, tax, accounts)
    if not lines:
        return
    calendar = await queries.fiscal_calendar(session)
    source_period = calendar.parse(statement.period)
    wanted = source_period if note is None else calendar.parse(note.period)
    booked_in = await queries.earliest_open(session, calendar, wanted)
    await require_open(session, booked_in)
    journal = Journal(
        number=await next_number(session, JOURNAL, now=now),
        kind="statement" if note is None else "credit_note",
        period=booked_in.name,
        source_period=source_period.name,
        business_unit_id=statement.business_unit_id,
        statement_id=statement.id,
        credit_note_id=None if note is None else note.id,
        currency=statement.currency,
        net_amount=net,
        tax_amount=tax,
        taxed_before=before,
        debits=_sum(lines, Side.DEBIT),
        credits=_sum(lines, Side.CREDIT),
        accounts=_document(accounts, sources),
        posted_by=context.current().actor_id,
        posted_at=now,
        version=1,
    )
    session.add(journal)
    session.add_all(
        JournalLine(
            id=uuid7(),
            journal_id=journal.id,
            position=position,
            purpose=line.purpose,
            legal_entity=line.legal_entity,
            account=line.account,
            cost_centre=line.cost_centre,
            side=line.side,
            amount=line.amount,
            currency=statement.currency,
            service_id=line.service_id,
            tax_code=line.tax_code,
            partner_entity=line.partner_entity,
        )
        for position, line in enumerate(lines, 1)
    )
    await session.flush()


def _sum(lines: list[domain.Entry], side: Side) -> Decimal:
    return exact_total([line.amount for line in lines if line.side is side])


async def _accounts(session: AsyncSession, statement: Statement) -> tuple[Accounts, dict[str, Any]]:
    """With the ids of the mappings that they are taken from."""
    period = (await queries.fiscal_calendar(session)).parse(statement.period)
    profile = await queries.dated_in_force(
        session, BillingProfile, period, BillingProfile.business_unit_id == statement.business_unit_id
    )
    provider = await queries.dated_in_force(session, BillingProvider, period)
    pair = None
    if profile is not None and provider is not None:
        pair = await queries.dated_in_force(
            session,
            IntercompanyAccounts,
            period,
            IntercompanyAccounts.provider_entity == provider.legal_entity,
            IntercompanyAccounts.consumer_entity == (profile.legal_entity or ""),
        )
    found = domain.accounts(
        None if profile is None else Profile(profile.cost_centre, profile.legal_entity, profile.tax_code),
        None
        if provider is None
        else Provider(provider.legal_entity, provider.cost_centre, provider.recovery_account, provider.charge_account),
        None
        if pair is None
        else Pair(pair.receivable_account, pair.payable_account, tuple(_tax(each) for each in pair.taxes)),
        period=period.name,
    )
    used = {"billing_profile": profile, "billing_provider": provider, "intercompany_accounts": pair}
    sources = {name: {"id": str(row.id), "version": row.version} for name, row in used.items() if row is not None}
    return found, sources


def _tax(document: dict[str, Any]) -> Tax:
    return Tax(document["code"], Decimal(document["rate"]), document["output_account"], document["input_account"])


def _document(accounts: Accounts, sources: dict[str, Any]) -> dict[str, Any]:
    between = accounts.intercompany
    tax = None if between is None else between.tax
    return {
        "consumer_entity": accounts.consumer_entity,
        "consumer_cost_centre": accounts.consumer_cost_centre,
        "charge_account": accounts.charge_account,
        "provider_entity": accounts.provider_entity,
        "provider_cost_centre": accounts.provider_cost_centre,
        "recovery_account": accounts.recovery_account,
        "tax_code": accounts.tax_code,
        "intercompany": None
        if between is None
        else {
            "receivable_account": between.receivable_account,
            "payable_account": between.payable_account,
            "tax": None
            if tax is None
            else {
                "code": tax.code,
                "rate": plain(tax.rate),
                "output_account": tax.output_account,
                "input_account": tax.input_account,
            },
        },
        "sources": sources,
    }


def read_accounts(document: dict[str, Any]) -> Accounts:
    """As a journal keeps them."""
    between = document["intercompany"]
    return Accounts(
        consumer_entity=document["consumer_entity"],
        consumer_cost_centre=document["consumer_cost_centre"],
        charge_account=document["charge_account"],
        provider_entity=document["provider_entity"],
        provider_cost_centre=document["provider_cost_centre"],
        recovery_account=document["recovery_account"],
        tax_code=document["tax_code"],
        intercompany=None
        if between is None
        else Intercompany(
            between["receivable_account"],
            between["payable_account"],
            None if between["tax"] is None else _tax(between["tax"]),
        ),
    )


async def journal(session: AsyncSession, journal_id: UUID) -> Journal:
    found = await session.get(Journal, journal_id)
    if found is None:
        raise NotFound(f"no journal {journal_id}")
    return found


async def journal_line(session: AsyncSession, journal_id: UUID, line_id: UUID) -> tuple[Journal, JournalLine]:
    found = await journal(session, journal_id)
    line = await session.get(JournalLine, line_id)
    if line is None or line.journal_id != found.id:
        raise NotFound(f"journal {journal_id} has no line {line_id}")
    return found, line


async def read_journal(session: AsyncSession, found: Journal) -> bodies.JournalRead:
    lines = (await queries.journal_lines(session, [found.id]))[found.id]
    return bodies.JournalRead(
        **bodies.JournalSummary.model_validate(found).model_dump(),
        accounts=found.accounts,
        lines=[bodies.JournalLineRead.model_validate(line) for line in lines],
    )


async def exported(session: AsyncSession, period: str) -> AsyncIterator[bytes]:
    """The period's journal lines as CSV, in blocks: memory stays flat."""
    yield _csv([EXPORT_COLUMNS])
    after: UUID | None = None
    while True:
        query = select(Journal).where(Journal.period == period).order_by(Journal.id).limit(EXPORTED_AT_ONCE)
        block = list(await session.scalars(query if after is None else query.where(Journal.id > after)))
        if not block:
            return
        after = block[-1].id
        lines = await queries.journal_lines(session, [each.id for each in block])
        yield _csv([_row(each, line) for each in block for line in lines[each.id]])
        session.expunge_all()


def _row(of: Journal, line: JournalLine) -> list[str]:
    debit = plain(line.amount) if line.side == Side.DEBIT else ""
    credit = plain(line.amount) if line.side == Side.CREDIT else ""
    shown = [
        of.number,
        of.posted_at.isoformat(),
        of.period,
        of.source_period,
        line.position,
        _text(line.legal_entity),
        _text(line.account),
        _text(line.cost_centre),
        debit,
        credit,
        line.currency,
        _text(line.tax_code),
        _text(line.partner_entity),
        _text(line.purpose),
        line.service_id,
        of.business_unit_id,
        of.statement_id,
        of.credit_note_id,
    ]
    return ["" if value is None else str(value) for value in shown]


def _text(value: str | None) -> str:
    return safe_cell(value or "")


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)  # RFC 4180
    return out.getvalue().encode()
