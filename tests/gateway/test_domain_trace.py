"""The tree of a thread: causes before effects, siblings by time, nothing lost whatever the causes say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.resources import resource_path
from gateway.domain.trace import in_causal_order
from services.ids import uuid7


@dataclass(frozen=True)
class Event:
    id: str
    causation_id: str | None
    time: datetime


def event(name: str, cause: str | None, second: int) -> Event:
    return Event(name, cause, datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=second))


def outline(*events: Event) -> list[str]:
    return ["." * depth + found.id for found, depth in in_causal_order(events)]


def test_effects_follow_their_cause_and_siblings_go_by_time() -> None:
    assert outline(
        event("accepted", "request-2", 5),
        event("issued", "proposed", 2),
        event("proposed", "request-1", 1),
        event("reserved", "accepted", 6),
        event("decided", "issued", 3),
        event("shown", "issued", 4),
    ) == ["proposed", ".issued", "..decided", "..shown", "accepted", ".reserved"]


def test_an_event_whose_cause_is_out_of_sight_is_a_root() -> None:
    assert outline(event("b", "hidden", 2), event("a", None, 1)) == ["a", "b"]


def test_an_effect_stamped_before_its_cause_still_follows_it() -> None:
    assert outline(event("effect", "cause", 1), event("cause", None, 2)) == ["cause", ".effect"]


def test_a_circle_of_causes_hangs_below_its_earliest() -> None:
    assert outline(event("b", "a", 2), event("a", "b", 1), event("self", "self", 0)) == ["self", "a", ".b"]


def test_a_chain_longer_than_the_stack() -> None:
    chain = [event(str(number), str(number - 1) if number else None, number) for number in range(5_000)]
    ordered = in_causal_order(reversed(chain))
    assert [depth for _, depth in ordered] == list(range(5_000))


names = st.integers(0, 12).map(str)


@given(st.lists(st.tuples(names, st.none() | names, st.integers(0, 20)), unique_by=lambda entry: entry[0]))
def test_every_event_is_there_once_and_below_what_stands_before_it(entries: list[tuple[str, str | None, int]]) -> None:
    events = [event(*entry) for entry in entries]
    ordered = in_causal_order(events)
    assert sorted(found.id for found, _ in ordered) == sorted(found.id for found in events)
    path: list[str] = []
    for found, depth in ordered:
        assert depth <= len(path)
        if depth:
            assert path[depth - 1] == found.causation_id
        path[depth:] = [found.id]


def test_resources_are_found_by_what_the_event_is_about() -> None:
    subject = uuid7()
    assert resource_path("itaas.pricing.quote.accepted.v1", subject) == f"/pricing/v1/quotes/{subject}"
    assert resource_path("itaas.pricing.something-else.happened.v1", subject) is None
    assert resource_path("odd", subject) is None
