"""The funnel as a table: every step that it has, every one that it has not, and what the refusal says."""

from itertools import product

import pytest

from demand_service.domain.funnel import (
    NEXT,
    NEXT_OF_REQUEST,
    PAUSED,
    DemandKind,
    DemandState,
    Standing,
    Step,
    StepNotAllowed,
    advance,
    allowed_steps,
    require_editable,
)

PROJECT = DemandKind.PROJECT
REQUEST = DemandKind.REQUEST


def walk(kind: DemandKind, *steps: Step) -> Standing:
    standing = Standing(kind)
    for step in steps:
        standing = advance(standing, step)
    return standing


def test_an_enhancement_goes_through_assessment_to_the_end() -> None:
    standing = walk(
        DemandKind.ENHANCEMENT,
        Step.SUBMIT,
        Step.SCREEN,
        Step.QUALIFY,
        Step.PROPOSE,
        Step.APPROVE,
        Step.OPEN_ORDER,
        Step.FULFIL,
        Step.CLOSE,
    )
    assert standing.state is DemandState.CLOSED


def test_a_request_goes_from_submitted_straight_to_proposed() -> None:
    assert walk(REQUEST, Step.SUBMIT, Step.PROPOSE).state is DemandState.PROPOSED


def test_a_request_is_not_screened_and_anything_else_is_not_proposed_unassessed() -> None:
    with pytest.raises(StepNotAllowed, match="the request is submitted: screen is not allowed"):
        walk(REQUEST, Step.SUBMIT, Step.SCREEN)
    with pytest.raises(StepNotAllowed, match="the project is submitted: propose is not allowed"):
        walk(PROJECT, Step.SUBMIT, Step.PROPOSE)


@pytest.mark.parametrize("pause", [Step.REQUEST_INFORMATION, Step.DEFER])
@pytest.mark.parametrize("steps", [(), (Step.SCREEN,), (Step.SCREEN, Step.QUALIFY)])
def test_a_pause_resumes_where_it_began(pause: Step, steps: tuple[Step, ...]) -> None:
    before = walk(PROJECT, Step.SUBMIT, *steps)
    paused = advance(before, pause)
    assert paused.state in PAUSED and paused.left is before.state
    assert advance(paused, Step.RESUME) == before


def test_a_refusal_names_the_state_and_what_is_allowed_from_it() -> None:
    with pytest.raises(StepNotAllowed) as refused:
        walk(PROJECT, Step.APPROVE)
    assert str(refused.value) == ("the project is draft: approve is not allowed from there; allowed: submit, withdraw")


def test_a_refusal_at_the_end_says_that_it_is_the_end() -> None:
    with pytest.raises(StepNotAllowed, match=r"is withdrawn: submit .* allowed: nothing, it has ended"):
        walk(PROJECT, Step.WITHDRAW, Step.SUBMIT)


def test_cancel_is_for_approved_and_in_fulfilment_alone() -> None:
    cancellable = {state for state, steps in NEXT.items() if Step.CANCEL in steps}
    assert cancellable == {DemandState.APPROVED, DemandState.IN_FULFILMENT}


def test_a_paused_demand_cannot_be_paused_again() -> None:
    paused = walk(PROJECT, Step.SUBMIT, Step.DEFER)
    with pytest.raises(StepNotAllowed, match="deferred"):
        advance(paused, Step.REQUEST_INFORMATION)


@pytest.mark.parametrize("table", [NEXT, NEXT_OF_REQUEST])
def test_the_table_has_a_row_for_every_state_and_leads_only_to_rows(table: dict[DemandState, object]) -> None:
    assert set(table) == set(DemandState)


@pytest.mark.parametrize("kind", DemandKind)
def test_every_step_from_every_state_either_leads_on_or_is_refused(kind: DemandKind) -> None:
    for state, step in product(DemandState, Step):
        standing = Standing(kind, state, left=DemandState.SUBMITTED if state in PAUSED else None)
        allowed = allowed_steps(standing)
        if step in allowed:
            assert advance(standing, step).state is allowed[step]
        else:
            with pytest.raises(StepNotAllowed) as refused:
                advance(standing, step)
            assert state in refused.value.detail and all(name in refused.value.detail for name in allowed)


def test_a_demand_is_edited_while_draft_or_asked_for_information() -> None:
    require_editable(Standing(PROJECT))
    require_editable(walk(PROJECT, Step.SUBMIT, Step.REQUEST_INFORMATION))
    with pytest.raises(StepNotAllowed, match="is submitted and is edited only while draft or needs_information"):
        require_editable(walk(PROJECT, Step.SUBMIT))
