"""Threads and improvements: whose turn it is, what may be said, and how a promise moves on."""

from uuid import uuid4

import pytest

from feedback_service.domain import improvement, thread
from feedback_service.domain.improvement import ClaimOutcome, ImprovementNotMovable, ImprovementState
from feedback_service.domain.thread import Speaker, TextNotAcceptable, TextTooLong, ThreadClosed, ThreadState


def test_turns() -> None:
    assert thread.reply(ThreadState.OPEN, Speaker.OWNER) is ThreadState.ANSWERED
    assert thread.reply(ThreadState.ANSWERED, Speaker.AUTHOR) is ThreadState.OPEN
    assert thread.reply(ThreadState.ANSWERED, Speaker.OWNER) is ThreadState.ANSWERED
    assert thread.close(ThreadState.OPEN) is thread.close(ThreadState.ANSWERED) is ThreadState.CLOSED


def test_a_closed_thread_takes_no_reply() -> None:
    with pytest.raises(ThreadClosed, match="closed"):
        thread.reply(ThreadState.CLOSED, Speaker.AUTHOR)
    with pytest.raises(ThreadClosed):
        thread.close(ThreadState.CLOSED)


def test_who_speaks() -> None:
    assert thread.speaker_of(is_author=True, answers_for_it=True) is Speaker.AUTHOR
    assert thread.speaker_of(is_author=False, answers_for_it=True) is Speaker.OWNER
    with pytest.raises(thread.NotInThisThread):
        thread.speaker_of(is_author=False, answers_for_it=False)


def test_text_is_kept_as_written_within_its_limits() -> None:
    thread.require_text("<script>alert('x')</script>")
    thread.require_text("x" * thread.TEXT_MAX)
    with pytest.raises(TextTooLong, match="10001") as refused:
        thread.require_text("x" * (thread.TEXT_MAX + 1))
    assert refused.value.faults[0].pointer == "/text"
    for bad in ("", " \n\t", "a\x00b"):
        with pytest.raises(TextNotAcceptable):
            thread.require_text(bad)


def test_the_way_of_an_improvement() -> None:
    state = ImprovementState.PLANNED
    for to in (ImprovementState.STARTED, ImprovementState.SHIPPED, ImprovementState.MEASURED, ImprovementState.CLOSED):
        state = improvement.move(state, to)
    assert state is ImprovementState.CLOSED


@pytest.mark.parametrize("state", ImprovementState)
@pytest.mark.parametrize("to", ImprovementState)
def test_what_the_table_does_not_know_is_refused(state: ImprovementState, to: ImprovementState) -> None:
    if to in improvement.NEXT[state]:
        assert improvement.move(state, to) is to
    else:
        with pytest.raises(ImprovementNotMovable, match=f"{state}.*{to}"):
            improvement.move(state, to)


def test_what_a_revision_claims() -> None:
    service, other = uuid4(), uuid4()
    planned, shipped = ImprovementState.PLANNED, ImprovementState.SHIPPED
    assert improvement.claim(None, service_id=None, claimed_by=service) is ClaimOutcome.UNKNOWN
    assert improvement.claim(planned, service_id=other, claimed_by=service) is ClaimOutcome.OTHER_SERVICE
    assert improvement.claim(planned, service_id=service, claimed_by=service) is ClaimOutcome.SHIPPED
    for settled in (shipped, ImprovementState.MEASURED, ImprovementState.CLOSED):
        assert improvement.claim(settled, service_id=service, claimed_by=service) is ClaimOutcome.ALREADY_SETTLED
