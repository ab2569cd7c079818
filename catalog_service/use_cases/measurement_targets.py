"""What the reports of a batch name: offerings, services, subscriptions, units; looked up once for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.measurement import TargetNotReadable, TargetUnknown, reject
from catalog_service.queries.attainment import parts
from catalog_service.schemas.measurements import MeasurementReport
from catalog_service.tables import KnownSubscription, Offering, OfferingExternalId, Service, ServiceExternalId
from services.identity import KnownBusinessUnit

_NAMES = ("offering_id", "offering_external_id", "service_id", "service_external_id", "subscription_id")


class Target(NamedTuple):
    """What was measured. Without an offering: all of the service's."""

    service_id: UUID
    offering_id: UUID | None = None
    subscription_id: UUID | None = None
    business_unit_id: UUID | None = None


class _Offering(NamedTuple):
    service_id: UUID
    published: bool
    promises: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What is there of all that a batch names."""

    offerings: Mapping[UUID, _Offering]
    services: Mapping[UUID, Service]
    subscriptions: Mapping[UUID, KnownSubscription]
    units: frozenset[UUID]
    offering_keys: Mapping[tuple[str, str], UUID]
    service_keys: Mapping[tuple[str, str], UUID]

    def target(self, report: MeasurementReport) -> Target:
        """Raises TargetNotReadable, TargetUnknown."""
        given = [name for name in _NAMES if getattr(report, name) is not None]
        if len(given) != 1:
            names = ", ".join(_NAMES)
            raise reject(TargetNotReadable, f"/{given[1] if given else _NAMES[0]}", f"name exactly one of {names}")
        (name,) = given
        unit = report.business_unit_id
        if name == "subscription_id":
            if unit is not None:
                raise reject(TargetNotReadable, "/business_unit_id", "a subscription is of one business unit anyway")
            return self._subscription(report.subscription_id)
        if unit is not None and unit not in self.units:
            raise reject(TargetUnknown, "/business_unit_id", f"there is no business unit {unit}")
        if name.startswith("service"):
            service = self.services.get(self._service_id(report))
            if service is None:
                raise reject(TargetUnknown, f"/{name}", "there is no such service")
            return Target(service.id, business_unit_id=unit)
        offering_id = self._offering_id(report)
        found = self.offerings.get(offering_id) if offering_id is not None else None
        if found is None:
            raise reject(TargetUnknown, f"/{name}", "there is no such offering")
        if not found.published:
            raise reject(TargetUnknown, f"/{name}", "the offering is a draft: it promises nothing yet")
        return Target(found.service_id, offering_id, business_unit_id=unit)

    def _subscription(self, subscription_id: UUID | None) -> Target:
        held = self.subscriptions.get(subscription_id) if subscription_id is not None else None
        offering = None if held is None else self.offerings.get(held.offering_id)
        if held is None or offering is None:
            raise reject(TargetUnknown, "/subscription_id", "there is no such subscription")
        return Target(offering.service_id, held.offering_id, held.id, held.business_unit_id)

    def promises(self, offering_id: UUID | None) -> frozenset[str] | None:
        """The kinds of what the offering promises, if it is one of those that were named."""
        found = self.offerings.get(offering_id) if offering_id is not None else None
        return None if found is None else found.promises

    def _offering_id(self, report: MeasurementReport) -> UUID | None:
        key = report.offering_external_id
        return report.offering_id if key is None else self.offering_keys.get((key.system, key.id))

    def _service_id(self, report: MeasurementReport) -> Any:
        key = report.service_external_id
        return report.service_id if key is None else self.service_keys.get((key.system, key.id))


async def known(session: AsyncSession, reports: Sequence[MeasurementReport], services: Iterable[UUID]) -> Known:
    """All that the reports name, and `services`, those of what they correct."""
    held = {
        row.id: row
        for some in parts({each.subscription_id for each in reports if each.subscription_id is not None})
        for row in await session.scalars(select(KnownSubscription).where(KnownSubscription.id.in_(some)))
    }
    keys = {(key.system, key.id) for each in reports if (key := each.offering_external_id) is not None}
    offering_keys = await _keys(session, OfferingExternalId, OfferingExternalId.offering_id, keys)
    keys = {(key.system, key.id) for each in reports if (key := each.service_external_id) is not None}
    service_keys = await _keys(session, ServiceExternalId, ServiceExternalId.service_id, keys)
    wanted = {each.offering_id for each in reports if each.offering_id is not None}
    wanted |= {row.offering_id for row in held.values()} | set(offering_keys.values())
    columns: list[Any] = [Offering.id, Offering.service_id, Offering.published_at, Offering.commitments]
    offerings = {
        id_: _Offering(service_id, published_at is not None, frozenset(each["kind"] for each in commitments))
        for some in parts(wanted)
        for id_, service_id, published_at, commitments in await session.execute(
            select(*columns).where(Offering.id.in_(some))
        )
    }
    of_services = {each.service_id for each in reports if each.service_id is not None} | set(service_keys.values())
    of_services |= {each.service_id for each in offerings.values()} | set(services)
    units = {each.business_unit_id for each in reports if each.business_unit_id is not None}
    return Known(
        offerings=offerings,
        services={
            row.id: row
            for some in parts(of_services)
            for row in await session.scalars(select(Service).where(Service.id.in_(some)))
        },
        subscriptions=held,
        units=frozenset(
            [
                id_
                for some in parts(units)
                for id_ in await session.scalars(select(KnownBusinessUnit.id).where(KnownBusinessUnit.id.in_(some)))
            ]
        ),
        offering_keys=offering_keys,
        service_keys=service_keys,
    )


async def _keys(session: AsyncSession, table: Any, of: Any, keys: set[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
    return {
        (system, id_): found
        for some in parts(sorted(keys))
        for system, id_, found in await session.execute(
            select(table.system, table.id, of).where(tuple_(table.system, table.id).in_(some))
        )
    }
