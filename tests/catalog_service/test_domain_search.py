"""Words, their costs, and the inverted index: pure, so that what holds here holds on both databases."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain.search_words import Field, How, asked, cost, explain, folded, typos_allowed, words
from catalog_service.inverted_index import Document, InvertedIndex, Match


def index(*texts: str | tuple[str, str, str]) -> InvertedIndex:
    made = InvertedIndex()
    parts = [(text, "", "") if isinstance(text, str) else text for text in texts]
    made.put(Document(number, UUID(int=number), *part) for number, part in enumerate(parts))
    return made


def found(made: InvertedIndex, text: str) -> list[int]:
    return [number for _, number in made.find(text).after(None, 1_000)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Virtual SERVER, tier 4", ["virtual", "server", "tier", "4"]),
        ("Café Zürich Øresund straße Łódź", ["cafe", "zurich", "oresund", "strasse", "lodz"]),
        ("host_x ram_gb v2.1", ["host", "x", "ram", "gb", "v2", "1"]),
        ("№ ﬁle ①", ["no", "file", "1"]),
        ("% _ ' \" ; -- () 🎉 \u200d", []),
        ("日本語のサーバー", ["日本", "本語", "語の", "のサ", "サー", "ーハ", "ハー"]),
        ("x日本", ["x", "日本"]),
        ("日", ["日"]),
        ("서버 가상", ["서버", "가상"]),
        ("w" * 200, ["w" * 60]),
        ("again Again AGAIN", ["again"]),
    ],
)
def test_words_that_are_asked_for(text: str, expected: list[str]) -> None:
    assert asked(text) == expected


@given(st.text(max_size=60))
def test_every_text_finds_itself(text: str) -> None:
    """Whatever it is made of, folding it changes nothing more, and what it asks for is among its own words."""
    assert folded(folded(text)) == folded(text)
    assert set(asked(text)) <= set(words(text))
    assert found(index(text), text) == ([0] if asked(text) else [])


def test_costs_are_ordered_and_can_be_told_apart() -> None:
    ways = [{}, {"prefix": True}, {"typos": 1}, {"typos": 2}]
    kinds = [How.EXACT, How.PREFIX, How.TYPO, How.TYPO]
    costs = [[cost(field, **way) for way in ways] for field in Field]  # type: ignore[arg-type]
    assert len({one for row in costs for one in row}) == 12
    for field, row in zip(Field, costs, strict=True):
        assert row == sorted(row)  # exact before prefix before typo
        assert [explain(one) for one in row] == [(field, kind) for kind in kinds]
    assert all(list(column) == sorted(column) for column in zip(*costs, strict=True))  # name before description
    assert max(row[1] for row in costs) < min(row[2] for row in costs)  # all that is spelt right before any typo


@pytest.mark.parametrize(
    ("word", "allowed"), [("vpn", 0), ("mail", 1), ("storage", 1), ("database", 2), ("2026", 0), ("windows11", 0)]
)
def test_typos_grow_with_the_word(word: str, allowed: int) -> None:
    assert typos_allowed(word) == allowed


@pytest.mark.parametrize(
    ("query", "name", "is_found"),
    [
        ("servre", "server", True),  # swapped
        ("sever", "server", True),  # missing
        ("serverr", "server", True),  # one too many
        ("serber", "server", True),  # another letter
        ("sebrer", "server", False),  # two of six
        ("datbaase", "database", True),
        ("dtaabsae", "database", True),  # two of eight
        ("dtabsae", "database", False),  # seven letters: one typo
        ("mial", "mail", True),
        ("vnp", "vpn", False),  # too short for any
        ("virt", "virtualisation", True),
        ("zurich", "Zürich", True),
        ("tier 5", "tier 4", False),  # no typos in numbers
        ("server backup", "server", False),  # all words
        ("BACKUP server", "Server with backup", True),
        ("erver", "backserver", False),  # the middle of a word
        ("本語", "日本語", True),
        ("日語", "日本語", False),
    ],
)
def test_what_is_found(query: str, name: str, is_found: bool) -> None:
    assert found(index(name), query) == ([0] if is_found else [])


def test_rank() -> None:
    """One of each kind, put in the worst order."""
    made = index(
        ("", "", "bakcup"),
        ("", "bakcup", ""),
        ("bakcup", "", ""),
        ("", "", "backups"),
        ("", "", "backup"),
        ("", "backups", ""),
        ("", "backup", ""),
        ("backups", "", ""),
        ("backup", "", ""),
        ("", "", "backup and backup"),
        ("backup", "backup", "backup"),
    )
    assert found(made, "backup") == [8, 10, 7, 6, 5, 4, 9, 3, 2, 1, 0]
    hits = made.find("Backup")
    assert hits.explain([8, 5, 0]) == {
        8: [Match("backup", Field.NAME, How.EXACT)],
        5: [Match("backup", Field.DESCRIPTION, How.PREFIX)],
        0: [Match("backup", Field.AROUND, How.TYPO)],
    }


def test_words_add_up() -> None:
    made = index(("server", "", "backup"), ("server backup", "", ""), ("backup", "server", ""))
    assert found(made, "server backup") == [1, 2, 0]


@given(st.lists(st.sampled_from(["server", "servers", "sevrer", "backup", "tier"]), max_size=80), st.integers(1, 7))
def test_pages_hold_each_hit_once_and_in_order(names: list[str], limit: int) -> None:
    made = index(*names)
    hits = made.find("server")
    whole = hits.after(None, 1_000)
    assert whole == sorted(whole)
    assert sorted(number for _, number in whole) == hits.numbers()
    paged: list[tuple[int, int]] = []
    while page := hits.after(paged[-1] if paged else None, limit):
        paged += page
    assert paged == whole


@given(st.lists(st.tuples(st.integers(0, 150), st.sampled_from(["a b", "b c", "backup", "c", ""])), max_size=200))
def test_the_index_forgets_what_a_text_was(changes: list[tuple[int, str]]) -> None:
    """After any changes it finds what one finds that has only seen the last state."""
    changed, last = InvertedIndex(), dict[int, str]()
    for number, text in changes:
        changed.put([Document(number, UUID(int=number), text, "", "")])
        last[number] = text
    fresh = InvertedIndex()
    fresh.put(Document(number, UUID(int=number), text, "", "") for number, text in last.items())
    for query in ("a", "b", "c", "ba", "bakcup", "a b"):
        assert found(changed, query) == found(fresh, query)
