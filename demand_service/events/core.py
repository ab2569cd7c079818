"""What demand publishes: full public state, with people as opaque ids and without what somebody wrote about them.

An approver's own words stay in the demand's history; the decision's `reason` is the policy's sentence.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from demand_service.domain.approval import Outcome
from demand_service.domain.funnel import DemandKind, DemandState
from demand_service.domain.order import OrderState, TaskState
from demand_service.domain.profile import Criticality
from demand_service.domain.subscription import SubscriptionState
from services.events import EventData, event_type
from services.http import DecimalString, ExternalId

_ID = "01930000-0000-7000-8000-00000000000"
_UNIT, _GOAL, _DEMAND, _OFFERING, _QUOTE, _ORDER, _TASK, _SERVICE = (_ID + str(n) for n in range(1, 9))
_PERSON = "7c1f3c1e-5b1a-4a53-9d3f-2f5d1f6f0a11"


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class GoalPart(_Part):
    id: UUID
    name: str
    metric: str
    baseline: DecimalString
    target: DecimalString
    due: date
    priority: int
    current: DecimalString | None
    measured_on: date | None


class ProcessPart(_Part):
    id: UUID
    name: str
    criticality: Criticality
    volume: DecimalString | None
    volume_unit: str | None
    capabilities: list[str]


class DecisionPart(_Part):
    outcome: Outcome
    policy: str
    rule: str
    reason: str
    quote_id: UUID
    decided_by: str | None


class TaskPart(_Part):
    id: UUID
    key: str
    name: str
    state: TaskState


class BusinessUnitData(EventData):
    id: UUID
    name: str
    parent_id: UUID | None
    cost_centre: str | None
    headcount: int | None
    external_ids: list[ExternalId]
    goals: list[GoalPart]
    processes: list[ProcessPart]


class DemandData(EventData):
    id: UUID
    business_unit_id: UUID
    title: str
    kind: DemandKind
    state: DemandState
    goal_id: UUID | None
    requested_by: str
    offering_id: UUID | None
    quantity: DecimalString | None
    options: dict[str, Any]
    form: dict[str, Any]
    decision: DecisionPart | None
    quote_id: UUID | None
    order_id: UUID | None


class OrderData(EventData):
    id: UUID
    demand_id: UUID
    business_unit_id: UUID
    offering_id: UUID
    quantity: DecimalString
    state: OrderState
    tasks: list[TaskPart]
    opened_at: datetime
    fulfilled_at: datetime | None
    lead_time_days: DecimalString | None


class SubscriptionData(EventData):
    id: UUID
    order_id: UUID
    demand_id: UUID
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    quantity: DecimalString
    options: dict[str, Any]
    state: SubscriptionState
    activated_at: datetime
    ended_at: datetime | None
    requested_by: str


class LeadTimeData(EventData):
    """Of the orders fulfilled after `since`: percentiles by nearest rank, in days, so each is one order's own time."""

    offering_id: UUID
    p50_days: DecimalString
    p85_days: DecimalString
    n: int
    since: datetime


_UNIT_EXAMPLE: dict[str, Any] = {
    "id": _UNIT,
    "name": "Research and Analytics",
    "parent_id": None,
    "cost_centre": "CC-2100",
    "headcount": 260,
    "external_ids": [{"system": "hr", "id": "BU-0042"}],
    "goals": [
        {
            "id": _GOAL,
            "name": "Faster first results",
            "metric": "days from question to first analysis",
            "baseline": "12",
            "target": "3",
            "due": "2027-03-31",
            "priority": 2,
            "current": "9.5",
            "measured_on": "2026-10-31",
        }
    ],
    "processes": [
        {
            "id": _ID + "a",
            "name": "Data analysis",
            "criticality": "high",
            "volume": "420",
            "volume_unit": "analyses a month",
            "capabilities": ["Analytics"],
        }
    ],
}
_DRAFTED: dict[str, Any] = {
    "id": _DEMAND,
    "business_unit_id": _UNIT,
    "title": "A shared analytics server",
    "kind": "enhancement",
    "state": "submitted",
    "goal_id": _GOAL,
    "requested_by": _PERSON,
    "offering_id": None,
    "quantity": None,
    "options": {},
    "form": {},
    "decision": None,
    "quote_id": None,
    "order_id": None,
}
_PROPOSED = _DRAFTED | {
    "state": "proposed",
    "offering_id": _OFFERING,
    "quantity": "4",
    "form": {"purpose": "shared analyses", "operating_system": "debian"},
}
_APPROVED = _PROPOSED | {
    "state": "approved",
    "quote_id": _QUOTE,
    "decision": {
        "outcome": "approved",
        "policy": "small-and-budgeted",
        "rule": "within budget",
        "reason": "the budget is enough and a year costs 1080.00 USD, at most the limit of 5000",
        "quote_id": _QUOTE,
        "decided_by": None,
    },
}
_OPENED: dict[str, Any] = {
    "id": _ORDER,
    "demand_id": _DEMAND,
    "business_unit_id": _UNIT,
    "offering_id": _OFFERING,
    "quantity": "4",
    "state": "open",
    "tasks": [{"id": _TASK, "key": "build", "name": "Build and harden the server", "state": "ready"}],
    "opened_at": "2026-11-03T09:00:00Z",
    "fulfilled_at": None,
    "lead_time_days": None,
}
_FULFILLED = _OPENED | {
    "state": "fulfilled",
    "tasks": [{"id": _TASK, "key": "build", "name": "Build and harden the server", "state": "done"}],
    "fulfilled_at": "2026-11-05T21:00:00Z",
    "lead_time_days": "2.500000",
}
_ACTIVE: dict[str, Any] = {
    "id": _ID + "9",
    "order_id": _ORDER,
    "demand_id": _DEMAND,
    "business_unit_id": _UNIT,
    "offering_id": _OFFERING,
    "service_id": _SERVICE,
    "quantity": "4",
    "options": {},
    "state": "active",
    "activated_at": "2026-11-05T21:00:00Z",
    "ended_at": None,
    "requested_by": _PERSON,
}


@event_type(
    "itaas.demand.business-unit.created.v1", summary="A business unit is known from now on", example=_UNIT_EXAMPLE
)
class BusinessUnitCreated(BusinessUnitData): ...


@event_type(
    "itaas.demand.business-unit.changed.v1",
    summary="A business unit, or one of its goals, changed",
    example=_UNIT_EXAMPLE | {"headcount": 275},
)
class BusinessUnitChanged(BusinessUnitData): ...


@event_type(
    "itaas.demand.business-unit.moved.v1",
    summary="A business unit is under another parent from now on",
    example=_UNIT_EXAMPLE | {"parent_id": _ID + "b"},
)
class BusinessUnitMoved(BusinessUnitData): ...


@event_type("itaas.demand.demand.submitted.v1", summary="A demand was handed in", example=_DRAFTED)
class DemandSubmitted(DemandData): ...


@event_type(
    "itaas.demand.demand.qualified.v1",
    summary="A demand is worth an answer; it now needs a proposal",
    example=_DRAFTED | {"state": "qualified"},
)
class DemandQualified(DemandData): ...


@event_type(
    "itaas.demand.demand.proposed.v1",
    summary="An offering and a quantity were proposed; pricing quotes them. Again after each change of them",
    example=_PROPOSED,
)
class DemandProposed(DemandData): ...


@event_type("itaas.demand.demand.approved.v1", summary="Policy or an approver approved the quote", example=_APPROVED)
class DemandApproved(DemandData): ...


@event_type(
    "itaas.demand.demand.rejected.v1", summary="A demand was turned down", example=_DRAFTED | {"state": "rejected"}
)
class DemandRejected(DemandData): ...


@event_type(
    "itaas.demand.demand.withdrawn.v1",
    summary="A demand was taken back before it was decided",
    example=_DRAFTED | {"state": "withdrawn"},
)
class DemandWithdrawn(DemandData): ...


@event_type(
    "itaas.demand.demand.cancelled.v1",
    summary="A demand was given up after its approval; its order, if any, is cancelled too",
    example=_APPROVED | {"state": "cancelled"},
)
class DemandCancelled(DemandData): ...


@event_type(
    "itaas.demand.demand.fulfilled.v1",
    summary="What was asked for is there",
    example=_APPROVED | {"state": "fulfilled", "order_id": _ORDER},
)
class DemandFulfilled(DemandData): ...


@event_type("itaas.demand.order.opened.v1", summary="An approved, accepted demand became an order", example=_OPENED)
class OrderOpened(OrderData): ...


@event_type("itaas.demand.order.fulfilled.v1", summary="The last task of an order was completed", example=_FULFILLED)
class OrderFulfilled(OrderData): ...


@event_type(
    "itaas.demand.order.cancelled.v1",
    summary="An order was cancelled; what was done stays done",
    example=_OPENED | {"state": "cancelled"},
)
class OrderCancelled(OrderData): ...


@event_type(
    "itaas.demand.subscription.activated.v1", summary="A business unit holds an offering from now on", example=_ACTIVE
)
class SubscriptionActivated(SubscriptionData): ...


@event_type(
    "itaas.demand.subscription.ended.v1",
    summary="A business unit no longer holds the offering",
    example=_ACTIVE | {"state": "ended", "ended_at": "2027-11-05T00:00:00Z"},
)
class SubscriptionEnded(SubscriptionData): ...


@event_type(
    "itaas.demand.lead-time.updated.v1",
    summary="An order of an offering was fulfilled: what its orders of the last 365 days took (subject: the offering)",
    example={
        "offering_id": _OFFERING,
        "p50_days": "2.500000",
        "p85_days": "4.125000",
        "n": 17,
        "since": "2025-11-05T21:00:00Z",
    },
)
class LeadTimeUpdated(LeadTimeData): ...


PUBLISHED: list[type[EventData]] = [
    BusinessUnitCreated,
    BusinessUnitChanged,
    BusinessUnitMoved,
    DemandSubmitted,
    DemandQualified,
    DemandProposed,
    DemandApproved,
    DemandRejected,
    DemandWithdrawn,
    DemandCancelled,
    DemandFulfilled,
    OrderOpened,
    OrderFulfilled,
    OrderCancelled,
    LeadTimeUpdated,
    SubscriptionActivated,
    SubscriptionEnded,
]
