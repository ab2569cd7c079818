"""The third pass of an import: what the second one planned is written, in one transaction.

Things are written in portions and forgotten again, so that memory stays flat. What the plan was made from must still
be so: every thing that changes has the version that it had, and what is referred to is still there; else the whole
import is refused (CatalogueChanged) and nothing of it stays. Events are those that the API would record.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.interchange import namesakes, parents_first
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.events import (
    DependencyData,
    OfferingChanged,
    OfferingPublished,
    OfferingRetired,
    ServiceChanged,
    ServiceCreated,
    ServiceData,
    ServiceDependenciesChanged,
    ServiceOwnerChanged,
    revision_published,
)
from catalog_service.queries.whole import all_dependencies, whole_tree
from catalog_service.schemas import Dependency, OfferingChange
from catalog_service.schemas.interchange import OfferingEntry
from catalog_service.tables import Offering, Revision, Scorecard, Service, ServiceDependency
from catalog_service.use_cases import import_campaigns
from catalog_service.use_cases.dependencies import hold_graph
from catalog_service.use_cases.external_ids import CAPABILITIES, TAXONOMY_NODES, Named
from catalog_service.use_cases.import_checks import Plan
from catalog_service.use_cases.import_graphs import circle_of
from catalog_service.use_cases.import_names import TABLES, Names
from catalog_service.use_cases.import_reading import Spool
from catalog_service.use_cases.import_rows import (
    CatalogueChanged,
    add_names,
    assign,
    columns,
    loaded,
    nodes_in_order,
    portions,
)
from catalog_service.use_cases.offering_graph import require_sound
from catalog_service.use_cases.offering_versions import wake_at_beginning, wake_at_end
from catalog_service.use_cases.offerings import columns_of
from catalog_service.use_cases.revisions import promised, said, set_timer
from catalog_service.use_cases.scorecard_evaluation import NIGHTLY, next_night, start_evaluation
from catalog_service.use_cases.services import note_transition, provide
from catalog_service.use_cases.trees import alone_with
from catalog_service.work import timers
from services import context
from services.db import touch
from services.events import current_thread, record
from services.ids import uuid7

REASON = "imported"
_EDGES = ("relations", "bundle")
TREES: dict[str, Named[Any]] = {"taxonomy": TAXONOMY_NODES, "capabilities": CAPABILITIES}


class Writes:
    """One import's writes."""

    def __init__(self, session: AsyncSession, plan: Plan, names: Names, *, now: datetime) -> None:
        self._session = session
        self._plan = plan
        self._names = names
        self._now = now
        self._dependencies: dict[UUID, list[dict[str, Any]]] = {}
        # Offerings that name others wait until all are there: foreign keys are checked row by row.
        self._related = Spool()

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            self._related.close()

    async def _run(self) -> None:
        await self._require_references()
        for section in ("taxonomy", "capabilities"):
            records = [each for batch in self._plan.spools[section].batches() for each in batch]
            if records:
                await self._write_tree(section, records)
        for records in self._plan.spools["services"].batches():
            await self._write_services(records)
        await self._write_dependencies()
        for records in self._plan.spools["revisions"].batches():
            await self._write_revisions(records)
        for records in self._plan.spools["offerings"].batches():
            await self._write_offerings(records)
        for records in self._related.batches():
            await self._relate_offerings(records)
        if self._related.count:
            await require_sound(self._session)
        for records in self._plan.spools["scorecards"].batches():
            await self._write_scorecards(records)
        for records in self._plan.spools["campaigns"].batches():
            await self._write_campaigns(records)

    async def _write_campaigns(self, records: Sequence[Mapping[str, Any]]) -> None:
        table, external, _ = TABLES["campaigns"]
        rows = await loaded(self._session, table, records)
        for each in records:
            fields = dict(each["fields"])
            names, state = fields.pop("external_ids", None), fields.pop("state", None)
            offering_ids = fields.pop("offering_ids", None)
            campaign = import_campaigns.write(
                self._session,
                rows.get(UUID(each["id"])),
                UUID(each["id"]),
                columns(table, fields),
                offering_ids=offering_ids,
                state=state,
                reason=REASON,
                now=self._now,
            )
            add_names(campaign, external, names)
        await self._done()

    async def _write_scorecards(self, records: Sequence[Mapping[str, Any]]) -> None:
        rows = await loaded(self._session, Scorecard, records)
        for each in records:
            fields = dict(each["fields"])
            card = rows.get(UUID(each["id"]))
            if card is None:
                fields["owner_id"] = fields["owner_id"] or context.current().actor_id
                card = Scorecard(id=UUID(each["id"]), **columns(Scorecard, fields))
                self._session.add(card)
                timers.set(self._session, NIGHTLY, due_at=next_night(self._now), payload={"scorecard_id": str(card.id)})
            else:
                assign(card, fields)
            touch(card)
            await self._session.flush()
            await start_evaluation(self._session, card)
        await self._done()

    async def _require_references(self) -> None:
        wanted: dict[str, set[UUID]] = {}
        for section, found in self._names.elsewhere:
            wanted.setdefault(section, set()).add(found)
        for section, ids in wanted.items():
            table = TABLES[section][0]
            for batch in portions(sorted(ids)):
                there = set(await self._session.scalars(select(table.id).where(table.id.in_(batch))))
                if missing := [one for one in batch if one not in there]:
                    raise CatalogueChanged(f"{missing[0]} was deleted while the file was checked")

    async def _done(self) -> None:
        await self._session.flush()
        self._session.expunge_all()

    async def _write_tree(self, section: str, records: list[Any]) -> None:
        await alone_with(self._session, TREES[section])
        for batch in portions(nodes_in_order(records)):
            await self._write_nodes(section, batch)
        nodes = await whole_tree(self._session, TABLES[section][0])
        _, stuck = parents_first({node: parent_id for node, (parent_id, _) in nodes.items()})
        if stuck or namesakes(nodes):
            raise CatalogueChanged(f"with what came meanwhile, {section} would hold a circle or the same name twice")

    async def _write_nodes(self, section: str, records: Sequence[Mapping[str, Any]]) -> None:
        table, external, _ = TABLES[section]
        rows = await loaded(self._session, table, records)
        for each in records:
            fields = dict(each["fields"])
            names = fields.pop("external_ids", None)
            row = rows.get(UUID(each["id"]))
            if row is None:
                row = table(id=UUID(each["id"]), **columns(table, fields), external_ids=[])
                self._session.add(row)
            else:
                assign(row, fields)
            add_names(row, external, names)
            touch(row)
        await self._done()

    async def _write_services(self, records: Sequence[Mapping[str, Any]]) -> None:
        table, external, _ = TABLES["services"]
        rows = await loaded(self._session, table, records)
        for each in records:
            fields = dict(each["fields"])
            names, state = fields.pop("external_ids", None), fields.pop("state", None)
            provided = fields.pop("capability_ids", None)
            if (needed := fields.pop("dependencies", None)) or (needed is not None and each["version"] is not None):
                self._dependencies[UUID(each["id"])] = needed
                if not fields and names is None and not each["steps"]:
                    continue  # the event of its dependencies tells of it
            row = rows.get(UUID(each["id"]))
            if row is None:
                row = Service(
                    id=UUID(each["id"]),
                    **({"features": []} | columns(table, fields)),
                    state=ServiceState(state),
                    active_revision=None,
                    external_ids=[],
                    capabilities=[],
                )
                self._session.add(row)
                add_names(row, external, names)
                provide(row, [UUID(one) for one in provided or ()])
                note_transition(self._session, row, None, reason=REASON, now=self._now)
                record(self._session, row, ServiceCreated)
                continue
            handed_over = "owner_id" in fields
            is_changed = fields.keys() - {"owner_id"} or names or provided is not None or each["steps"]
            assign(row, fields)
            add_names(row, external, names)
            if provided is not None:
                provide(row, [UUID(one) for one in provided])
            for step in each["steps"]:
                before, row.state = row.state, ServiceState(step)
                note_transition(self._session, row, before, reason=REASON, now=self._now)
            if is_changed:
                record(self._session, row, ServiceChanged, thread=current_thread())
            if handed_over:
                record(self._session, row, ServiceOwnerChanged, thread=current_thread())
        await self._done()

    async def _write_dependencies(self) -> None:
        """Once all services are there. The graph is held, so that no other change can make a circle with this one."""
        if not self._dependencies:
            return
        await hold_graph(self._session)
        for batch in portions(list(self._dependencies)):
            await self._session.execute(delete(ServiceDependency).where(ServiceDependency.service_id.in_(batch)))
            rows = await self._session.scalars(select(Service).where(Service.id.in_(batch)))
            for service in rows.all():
                needed = sorted(self._dependencies[service.id], key=lambda each: str(each["on_id"]))
                parts = [Dependency.model_validate(each) for each in needed]
                self._session.add_all(ServiceDependency(service_id=service.id, **part.model_dump()) for part in parts)
                told = [DependencyData.model_validate(part) for part in parts]
                event = ServiceDependenciesChanged(**ServiceData.of(service).model_dump(), dependencies=told)
                record(self._session, service, event, thread=current_thread())
            await self._done()
        if circle_of(await all_dependencies(self._session)):
            raise CatalogueChanged(
                "with a dependency that came meanwhile, services would depend on each other in a circle"
            )

    async def _write_revisions(self, records: Sequence[Mapping[str, Any]]) -> None:
        rows = await loaded(self._session, Revision, records)
        ids = {UUID(each["within"]) for each in records}
        services = {row.id: row for row in await self._session.scalars(select(Service).where(Service.id.in_(ids)))}
        went_live: list[tuple[Service, Revision]] = []
        for each in records:
            service = services[UUID(each["within"])]
            fields, past = dict(each["fields"]), columns(Revision, each["past"])
            row = rows.get(UUID(each["id"])) if each["id"] else None
            before = None if row is None else row.state
            if row is None:
                empty = {"published_at": None, "archived_at": None}
                row = Revision(id=uuid7(), service_id=service.id, **(empty | columns(Revision, fields) | past))
                self._session.add(row)
            else:
                assign(row, fields)
            if row.state in (RevisionState.ACTIVE, RevisionState.ARCHIVED):
                row.published_at = row.published_at or past.get("published_at") or self._now
            if row.state is RevisionState.ARCHIVED:
                row.archived_at = row.archived_at or past.get("archived_at") or self._now
            if row.state is RevisionState.ACTIVE and (row.content or {}).get("name") is None:
                row.content = promised(service) | said(row.content or {})
            if row.state is RevisionState.SCHEDULED and "live_at" in fields:
                set_timer(self._session, row, by=context.current().actor_id)
            touch(row)
            touch(service)
            if row.state is RevisionState.ACTIVE and before is not RevisionState.ACTIVE:
                service.active_revision = row.number
                went_live.append((service, row))
        for service, revision in went_live:
            record(self._session, service, revision_published(service, revision), thread=current_thread())
        await self._done()

    async def _write_offerings(self, records: Sequence[Mapping[str, Any]]) -> None:
        _, external, _ = TABLES["offerings"]
        rows = await loaded(self._session, Offering, records)
        ids = {UUID(each["within"]) for each in records}
        services = {row.id: row for row in await self._session.scalars(select(Service).where(Service.id.in_(ids)))}
        for each in records:
            fields = dict(each["fields"])
            names, state = fields.pop("external_ids", None), fields.pop("state", None)
            row = rows.get(UUID(each["id"]))
            is_new = row is None
            waits = bool(fields.get("relations") or fields.get("bundle"))
            if waits:
                self._related.add(each)
                fields |= {name: [] for name in _EDGES if name in fields}
            if row is None:
                row = self._new_offering(each, fields, services[UUID(each["within"])])
                self._session.add(row)
            elif waits:
                continue
            else:
                _amend(row, fields)
            add_names(row, external, names)
            if waits:
                touch(row)
            else:
                self._move(row, each, fields, is_new=is_new, state=state)
        await self._done()

    async def _relate_offerings(self, records: Sequence[Mapping[str, Any]]) -> None:
        _, external, _ = TABLES["offerings"]
        ids = {UUID(each["id"]) for each in records}
        rows = {row.id: row for row in await self._session.scalars(select(Offering).where(Offering.id.in_(ids)))}
        for each in records:
            row, is_new, fields = rows[UUID(each["id"])], each["version"] is None, dict(each["fields"])
            names, state = fields.pop("external_ids", None), fields.pop("state", None)
            _amend(row, {name: fields[name] for name in _EDGES if name in fields} if is_new else fields)
            add_names(row, external, names)
            self._move(row, each, fields, is_new=is_new, state=state)
        await self._done()

    def _new_offering(self, planned: Mapping[str, Any], fields: Mapping[str, Any], service: Service) -> Offering:
        body = OfferingEntry.model_validate({**fields, "service_id": str(service.id)})
        values: dict[str, Any] = columns_of(body)
        values["unit_of_measure"] = body.unit_of_measure or service.unit_of_measure
        offering_id = UUID(planned["id"])
        return Offering(
            **values,
            id=offering_id,
            series_id=body.series_id or offering_id,
            number=body.number,
            service_id=service.id,
            service=service,
            state=OfferingState.DRAFT,
            external_ids=[],
        )

    def _move(
        self, row: Offering, planned: Mapping[str, Any], fields: Mapping[str, Any], *, is_new: bool, state: str | None
    ) -> None:
        """To its state, each step with its event; what was on offer and stays so is told of as changed."""
        steps = planned["steps"]
        if is_new and state is not None and state != OfferingState.DRAFT:
            steps = [state]
        past = columns(Offering, planned["past"])
        if not steps and row.state is OfferingState.PUBLISHED:
            if "valid_until" in fields:
                wake_at_end(self._session, row)
            record(self._session, row, OfferingChanged, thread=current_thread())
            return
        touch(row)
        for step in steps:
            row.state = OfferingState(step)
            if row.state in (OfferingState.DRAFT, OfferingState.SCHEDULED):
                if row.state is OfferingState.SCHEDULED:
                    wake_at_beginning(self._session, row)
                continue
            row.published_at = row.published_at or past.get("published_at") or self._now
            if row.state is OfferingState.RETIRED:
                row.retired_at = past.get("retired_at") or self._now
            elif row.state is OfferingState.PUBLISHED:
                wake_at_end(self._session, row)
            published = row.state is OfferingState.PUBLISHED
            record(self._session, row, OfferingPublished if published else OfferingRetired, thread=current_thread())


def _amend(row: Offering, fields: Mapping[str, Any]) -> None:
    for name, value in columns_of(OfferingChange.model_validate(fields)).items():
        setattr(row, name, value)
