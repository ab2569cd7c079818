"""Which events count is a function of the set of events: voids, replacements, chains, rivals and circles."""

from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.corrections import Correction, counting, in_force
from pricing_service.domain.usage import Kind, Ref


def ref(name: str) -> Ref:
    return Ref("/m", name)


def voided(name: str, original: str) -> Correction:
    return Correction(ref(name), Kind.VOIDED, ref(original))


def replaced(name: str, original: str) -> Correction:
    return Correction(ref(name), Kind.REPLACED, ref(original))


def counts(present: str, *corrections: Correction) -> str:
    """Of one-letter events those that count."""
    return "".join(sorted(each.id for each in counting([ref(name) for name in present], corrections)))


def test_a_void_takes_its_original_away() -> None:
    assert counts("ab") == "ab"
    assert counts("abv", voided("v", "a")) == "b"


def test_a_replacement_stands_for_its_original_once_that_is_there() -> None:
    assert counts("ar", replaced("r", "a")) == "r"
    assert counts("r", replaced("r", "a")) == ""


def test_chains() -> None:
    assert counts("ars", replaced("r", "a"), replaced("s", "r")) == "s"
    assert counts("arv", replaced("r", "a"), voided("v", "r")) == ""
    assert counts("rs", replaced("r", "a"), replaced("s", "r")) == ""
    assert counts("as", replaced("s", "r")) == "a"  # r has not come: nothing is known of what it is for


def test_of_rivals_a_void_wins_and_else_the_greatest_id() -> None:
    assert counts("ars", replaced("r", "a"), replaced("s", "a")) == "s"
    assert counts("arz", replaced("z", "a"), voided("r", "a")) == ""
    assert counts("arst", replaced("r", "a"), replaced("s", "a"), replaced("t", "r")) == "s"


def test_a_void_stays_and_a_circle_never_counts() -> None:
    assert counts("avw", voided("v", "a"), voided("w", "v")) == ""
    assert counts("avr", voided("v", "a"), replaced("r", "v")) == ""
    assert counts("xy", replaced("x", "y"), replaced("y", "x")) == ""


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Ref], list[Correction]]:
    names = [f"{number:02}" for number in range(draw(st.integers(1, 12)))]
    corrections = [
        Correction(ref(name), draw(st.sampled_from([Kind.VOIDED, Kind.REPLACED])), ref(draw(st.sampled_from(names))))
        for name in names
        if draw(st.booleans())
    ]
    return [ref(name) for name in names], [each for each in corrections if each.ref != each.original]


@given(histories(), st.randoms(use_true_random=False))
def test_an_event_counts_and_stops_counting_at_most_once_in_any_order(
    history: tuple[list[Ref], list[Correction]], order: object
) -> None:
    """So what a statement has billed and a later one has withdrawn never comes back; and only the set matters."""
    present, corrections = history
    arriving = list(present)
    order.shuffle(arriving)  # type: ignore[attr-defined]
    seen: dict[Ref, list[bool]] = {one: [] for one in present}
    for count in range(1, len(arriving) + 1):
        there = arriving[:count]
        known = [each for each in corrections if each.ref in there]
        counted = counting(there, known)
        assert counted <= in_force(there, known)
        for one in present:
            if not seen[one] or seen[one][-1] != (one in counted):
                seen[one].append(one in counted)
    assert counting(arriving, corrections) == counting(present, corrections[::-1])
    for changes in seen.values():
        assert changes in ([False], [True], [False, True], [True, False], [False, True, False])


@given(histories())
def test_a_reading_has_at_most_one_successor_that_counts(history: tuple[list[Ref], list[Correction]]) -> None:
    present, corrections = history
    originals = {each.ref: each.original for each in corrections}
    roots: list[Ref] = []
    for one in counting(present, corrections):
        while one in originals:
            one = originals[one]
        roots.append(one)
    assert len(roots) == len(set(roots))
