"""Delivering: an order is opened with its tasks, worked off, and ends in a subscription; or it is cancelled."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain import order as rules
from demand_service.domain.funnel import Step
from demand_service.domain.lead_time import lead_time_days
from demand_service.domain.order import OrderPlan, OrderState, Task, TaskState
from demand_service.domain.subscription import SubscriptionState
from demand_service.events import OrderCancelled, OrderFulfilled, OrderOpened, SubscriptionActivated
from demand_service.tables import Demand, FulfilmentOrder, FulfilmentTask, KnownOffering, Subscription
from demand_service.use_cases.lead_times import update_lead_time
from demand_service.use_cases.proposals import template_of
from demand_service.use_cases.steps import Asked, take
from services.db import touch
from services.errors import NotFound, Unavailable
from services.events import record
from services.http import check_version
from services.identity import Units
from services.ids import uuid7


class OrderNotFound(NotFound): ...


class TaskNotFound(NotFound): ...


class OfferingBeingReadAgain(Unavailable): ...


async def order(session: AsyncSession, order_id: UUID, *, units: Units) -> FulfilmentOrder:
    """Raises OrderNotFound or BusinessUnitOutOfScope."""
    found = await session.get(FulfilmentOrder, order_id)
    if found is None:
        raise OrderNotFound(f"there is no order {order_id}")
    units.require(found.business_unit_id)
    return found


async def order_to_change(session: AsyncSession, order_id: UUID, asked: Asked) -> FulfilmentOrder:
    """The order, with its demand held against other changes: that lock is the one that every change of both takes.

    Raises OrderNotFound, BusinessUnitOutOfScope or VersionIsStale.
    """
    await queries.hold_demand_of_order(session, order_id)
    held = await order(session, order_id, units=asked.units)
    check_version(held, asked.if_match)
    return held


async def open_order_of(session: AsyncSession, demand: Demand, *, now: datetime) -> FulfilmentOrder:
    """Open the order of an approved demand whose quote is accepted, with the tasks of its offering's template."""
    assert demand.offering_id is not None and demand.quantity is not None
    offering = await session.get(KnownOffering, demand.offering_id)
    if offering is None:
        # It was known when it was proposed, so the projection is being rebuilt: this passes by itself.
        raise OfferingBeingReadAgain(f"offering {demand.offering_id} is being read again; try again shortly")
    plan = rules.plan_tasks(template_of(offering))
    states = {task.key: task.state for task in rules.open_order(plan).tasks}
    order = FulfilmentOrder(
        demand_id=demand.id,
        business_unit_id=demand.business_unit_id,
        offering_id=demand.offering_id,
        service_id=offering.service_id,
        quantity=demand.quantity,
        options=demand.options,
        requested_by=demand.requested_by,
        correlation_id=demand.correlation_id,
        state=OrderState.OPEN,
        opened_at=now,
        fulfilled_at=None,
        lead_time_days=None,
        tasks=[],
    )
    order.tasks = [
        FulfilmentTask(
            id=uuid7(),
            order_id=order.id,
            position=position,
            key=task.key,
            name=task.name,
            role=task.role,
            depends_on=list(task.depends_on),
            state=states[task.key],
        )
        for position, task in enumerate(plan)
    ]
    session.add(order)
    record(session, order, OrderOpened)
    demand.order_id = order.id
    take(session, demand, Step.OPEN_ORDER, person_id=None, reason="approved, and its quote accepted", now=now)
    return order


async def complete_task(
    session: AsyncSession,
    order_id: UUID,
    task_id: UUID,
    *,
    asked: Asked,
) -> FulfilmentOrder:
    """Complete one task. The last one fulfils the order and the demand, and activates the subscription.

    Raises TaskNotFound, OrderNotOpen, TaskAlreadyDone or TaskNotReady.
    """
    order = await order_to_change(session, order_id, asked)
    task = next((task for task in order.tasks if task.id == task_id), None)
    if task is None:
        raise TaskNotFound(f"order {order_id} has no task {task_id}")
    plan = rules.complete_task(_plan_of(order), task.key)
    task.completed_at, task.completed_by = asked.now, asked.person_id
    _stand_as(order, plan)
    if plan.state is OrderState.FULFILLED:
        await _fulfil(session, order, person_id=asked.person_id, now=asked.now)
    else:
        touch(order)
    return order


async def cancel_order(
    session: AsyncSession,
    order_id: UUID,
    *,
    reason: str,
    asked: Asked,
) -> FulfilmentOrder:
    """Cancel an open order, and the demand that it delivers with it."""
    order = await order_to_change(session, order_id, asked)
    _cancel(session, order)
    demand = await session.get_one(Demand, order.demand_id)
    take(session, demand, Step.CANCEL, person_id=asked.person_id, reason=reason, now=asked.now)
    return order


async def cancel_order_of(session: AsyncSession, demand: Demand) -> None:
    """Cancel the demand's order, if it has come to one."""
    if demand.order_id is not None:
        _cancel(session, await session.get_one(FulfilmentOrder, demand.order_id))


def _cancel(session: AsyncSession, order: FulfilmentOrder) -> None:
    _stand_as(order, rules.cancel(_plan_of(order)))
    record(session, order, OrderCancelled)


async def _fulfil(session: AsyncSession, order: FulfilmentOrder, *, person_id: str, now: datetime) -> None:
    # Two machines' clocks may disagree by a moment, and nothing is delivered before it was ordered.
    order.fulfilled_at = max(now, order.opened_at)
    order.lead_time_days = lead_time_days(order.opened_at, order.fulfilled_at)
    record(session, order, OrderFulfilled)
    await update_lead_time(session, order.offering_id, thread=order.correlation_id, now=order.fulfilled_at)
    subscription = Subscription(
        order_id=order.id,
        demand_id=order.demand_id,
        business_unit_id=order.business_unit_id,
        offering_id=order.offering_id,
        service_id=order.service_id,
        quantity=order.quantity,
        options=order.options,
        requested_by=order.requested_by,
        correlation_id=order.correlation_id,
        state=SubscriptionState.ACTIVE,
        activated_at=order.fulfilled_at,
        ended_at=None,
    )
    session.add(subscription)
    record(session, subscription, SubscriptionActivated)
    demand = await session.get_one(Demand, order.demand_id)
    take(session, demand, Step.FULFIL, person_id=person_id, reason="its order is fulfilled", now=now)


def _plan_of(order: FulfilmentOrder) -> OrderPlan:
    return OrderPlan(order.state, tuple(Task(task.key, task.state, tuple(task.depends_on)) for task in order.tasks))


def _stand_as(order: FulfilmentOrder, plan: OrderPlan) -> None:
    states: dict[str, TaskState] = {task.key: task.state for task in plan.tasks}
    order.state = plan.state
    for task in order.tasks:
        task.state = states[task.key]
