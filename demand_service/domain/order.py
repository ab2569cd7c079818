"""Orders and their fulfilment tasks: a plan with dependencies, worked off one task at a time.

order   open ──last task done──► fulfilled        task   waiting ──its dependencies done──► ready ──complete──► done
        open ──cancel──► cancelled                       waiting, ready ──cancel the order──► cancelled

Invalid
└── PlanNotPossible       the template's dependencies are unknown, doubled or go round in a circle (names the path)
NotFound
└── NoSuchTask
Conflict
├── OrderNotOpen          names the state
├── TaskAlreadyDone
└── TaskNotReady          names what it waits for
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from services.errors import Conflict, Invalid, NotFound


class OrderState(StrEnum):
    OPEN = "open"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


class TaskState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    DONE = "done"
    CANCELLED = "cancelled"


NEXT: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.OPEN: frozenset({OrderState.FULFILLED, OrderState.CANCELLED}),
    OrderState.FULFILLED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}


class PlanNotPossible(Invalid): ...


class NoSuchTask(NotFound): ...


class OrderNotOpen(Conflict): ...


class TaskAlreadyDone(Conflict): ...


class TaskNotReady(Conflict): ...


@dataclass(frozen=True, slots=True)
class TemplateTask:
    """One task of an offering's fulfilment template. `role` says who does it, None: whoever fulfils."""

    key: str
    name: str
    depends_on: tuple[str, ...] = ()
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    key: str
    state: TaskState
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """An order as the rules see it: its state and where each task stands."""

    state: OrderState
    tasks: tuple[Task, ...]

    def task(self, key: str) -> Task:
        for task in self.tasks:
            if task.key == key:
                return task
        raise NoSuchTask(f"the order has no task {key!r}; it has {', '.join(t.key for t in self.tasks)}")


# An offering that says nothing about how it is delivered still needs somebody to say that it was.
DELIVER = TemplateTask(key="deliver", name="Deliver")


def plan_tasks(template: Sequence[TemplateTask]) -> tuple[TemplateTask, ...]:
    """The tasks of a new order: the template's, checked, or the single task `Deliver` where it has none.

    Raises PlanNotPossible for a doubled key, an unknown dependency, or dependencies that go round in a circle.
    """
    if not template:
        return (DELIVER,)
    keys = [task.key for task in template]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise PlanNotPossible(f"the fulfilment template has the key {doubled[0]!r} more than once")
    for task in template:
        unknown = sorted(set(task.depends_on) - set(keys))
        if unknown:
            raise PlanNotPossible(f"task {task.key!r} depends on {unknown[0]!r}, which the template does not have")
    circle = _circle({task.key: task.depends_on for task in template})
    if circle:
        raise PlanNotPossible(f"the tasks depend on each other in a circle: {' → '.join(circle)}")
    return tuple(template)


def open_order(template: Sequence[TemplateTask]) -> OrderPlan:
    """A new order over `plan_tasks(template)`: what depends on nothing is ready."""
    tasks = tuple(Task(task.key, TaskState.WAITING, task.depends_on) for task in plan_tasks(template))
    return OrderPlan(OrderState.OPEN, _with_ready(tasks))


def complete_task(order: OrderPlan, key: str) -> OrderPlan:
    """The order after task `key` is done; fulfilled once every task is.

    Raises OrderNotOpen, NoSuchTask, TaskAlreadyDone or TaskNotReady (names the dependencies that are not done).
    """
    task = order.task(key)
    if order.state is not OrderState.OPEN:
        raise OrderNotOpen(f"the order is {order.state}; tasks are completed only while it is open")
    if task.state is TaskState.DONE:
        raise TaskAlreadyDone(f"task {key!r} is done already")
    if task.state is not TaskState.READY:
        undone = [name for name in task.depends_on if order.task(name).state is not TaskState.DONE]
        raise TaskNotReady(f"task {key!r} is {task.state}: it depends on {', '.join(undone)}, which must be done first")
    tasks = _with_ready(tuple(replace(t, state=TaskState.DONE) if t.key == key else t for t in order.tasks))
    finished = all(t.state is TaskState.DONE for t in tasks)
    return OrderPlan(OrderState.FULFILLED if finished else OrderState.OPEN, tasks)


def cancel(order: OrderPlan) -> OrderPlan:
    """The order after it is cancelled: what was done stays done, the rest is not done any more."""
    if OrderState.CANCELLED not in NEXT[order.state]:
        raise OrderNotOpen(f"the order is {order.state}; only an open order can be cancelled")
    undone = {TaskState.WAITING, TaskState.READY}
    return OrderPlan(
        OrderState.CANCELLED,
        tuple(replace(t, state=TaskState.CANCELLED) if t.state in undone else t for t in order.tasks),
    )


def _with_ready(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    done = {task.key for task in tasks if task.state is TaskState.DONE}
    return tuple(
        replace(task, state=TaskState.READY)
        if task.state is TaskState.WAITING and done.issuperset(task.depends_on)
        else task
        for task in tasks
    )


def _circle(depends_on: Mapping[str, Sequence[str]]) -> list[str]:
    """One circle of the graph as a path that ends where it began, or an empty list.

    Kahn's algorithm: whatever is left after taking away all that depends on nothing left is in a circle or
    depends on one, so that following any dependency within the rest must come round. Not recursive, because a
    template may be as deep as it is long.
    """
    left = {key: set(needs) for key, needs in depends_on.items()}
    while free := [key for key, needs in left.items() if not needs & left.keys()]:
        for key in free:
            del left[key]
    if not left:
        return []
    path = [next(iter(left))]
    while path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & left.keys()))
    return path[path.index(path[-1]) :]
