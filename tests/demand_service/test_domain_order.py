"""Orders: the plan from a template, tasks in the order of their dependencies, cancelling, and a model of it all."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand_service.domain.order import (
    NoSuchTask,
    OrderNotOpen,
    OrderState,
    PlanNotPossible,
    TaskAlreadyDone,
    TaskNotReady,
    TaskState,
    TemplateTask,
    cancel,
    complete_task,
    open_order,
    plan_tasks,
)

PLAN = [
    TemplateTask("approve-access", "Approve the access"),
    TemplateTask("provision", "Provision", depends_on=("approve-access",)),
    TemplateTask("hand-over", "Hand over", depends_on=("provision",)),
    TemplateTask("label", "Label"),
]


def test_what_depends_on_nothing_is_ready_at_once() -> None:
    states = {task.key: task.state for task in open_order(PLAN).tasks}
    assert states == {
        "approve-access": TaskState.READY,
        "provision": TaskState.WAITING,
        "hand-over": TaskState.WAITING,
        "label": TaskState.READY,
    }


def test_an_empty_template_is_delivered_by_one_task() -> None:
    order = open_order([])
    assert [task.key for task in order.tasks] == ["deliver"]
    assert complete_task(order, "deliver").state is OrderState.FULFILLED


def test_the_last_task_fulfils_the_order_and_not_one_before() -> None:
    order = open_order(PLAN)
    for key in ["label", "approve-access", "provision"]:
        order = complete_task(order, key)
        assert order.state is OrderState.OPEN
    assert complete_task(order, "hand-over").state is OrderState.FULFILLED


def test_a_task_that_waits_names_what_it_waits_for() -> None:
    with pytest.raises(TaskNotReady, match="'hand-over' is waiting: it depends on provision"):
        complete_task(open_order(PLAN), "hand-over")


def test_a_task_is_done_once() -> None:
    order = complete_task(open_order(PLAN), "label")
    with pytest.raises(TaskAlreadyDone, match="'label' is done already"):
        complete_task(order, "label")


def test_an_unknown_task_is_named_with_those_there_are() -> None:
    with pytest.raises(NoSuchTask, match="no task 'paint'; it has approve-access, provision, hand-over, label"):
        complete_task(open_order(PLAN), "paint")


def test_cancelling_keeps_what_was_done_and_stops_the_rest() -> None:
    order = cancel(complete_task(open_order(PLAN), "label"))
    assert order.state is OrderState.CANCELLED
    assert [task.state for task in order.tasks] == [TaskState.CANCELLED] * 3 + [TaskState.DONE]
    with pytest.raises(OrderNotOpen, match="the order is cancelled"):
        complete_task(order, "provision")
    with pytest.raises(OrderNotOpen, match="the order is cancelled"):
        cancel(order)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ([TemplateTask("a", "A", ("a",))], "in a circle: a → a"),
        ([TemplateTask("a", "A", ("b",)), TemplateTask("b", "B", ("a",))], "in a circle: a → b → a"),
        (
            [TemplateTask("z", "Z", ("a",)), TemplateTask("a", "A", ("b",)), TemplateTask("b", "B", ("a",))],
            "in a circle: a → b → a",
        ),
        ([TemplateTask("a", "A", ("nowhere",))], "'a' depends on 'nowhere'"),
        ([TemplateTask("a", "A"), TemplateTask("a", "Again")], "the key 'a' more than once"),
    ],
)
def test_a_plan_that_cannot_be_worked_off_is_refused(template: Sequence[TemplateTask], says: str) -> None:
    with pytest.raises(PlanNotPossible, match=says):
        plan_tasks(template)


@st.composite
def graphs(draw: st.DrawFn) -> list[TemplateTask]:
    keys = [f"t{n}" for n in range(draw(st.integers(1, 8)))]
    return [
        TemplateTask(key, key, tuple(draw(st.lists(st.sampled_from(keys), unique=True, max_size=3)))) for key in keys
    ]


@given(graphs())
def test_a_plan_is_refused_exactly_when_it_cannot_be_worked_off(template: list[TemplateTask]) -> None:
    done: set[str] = set()
    while ready := [task.key for task in template if task.key not in done and done.issuperset(task.depends_on)]:
        done.update(ready)
    if len(done) == len(template):
        order = open_order(template)
        while ready := [task.key for task in order.tasks if task.state is TaskState.READY]:
            order = complete_task(order, ready[-1])
        assert order.state is OrderState.FULFILLED
    else:
        with pytest.raises(PlanNotPossible) as refused:
            plan_tasks(template)
        path = refused.value.detail.rsplit(": ", 1)[1].split(" → ")
        needs = {task.key: task.depends_on for task in template}
        assert path[0] == path[-1] and all(after in needs[before] for before, after in pairwise(path))
