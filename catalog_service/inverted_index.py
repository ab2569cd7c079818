"""The words of all offerings, inverted: which offerings hold a word, and where. One per process, in memory.

It knows nothing of databases: `use_cases.search_index` keeps it up to date with ours, whichever it is, and so the
same words find the same offerings in the same order on both (ADR-0022).

Offerings are numbers, small and without large gaps; a set of them is a bitmap in a Python integer, so that 50,000 of
them are intersected in a quarter of a microsecond. A word of few offerings keeps a short array instead.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog_service.domain.search_words import Field, How, asked, cost, explain, typos_allowed, words

FEW = 64  # up to which a word's offerings stand in an array
SHORT_PREFIX = 2  # letters: the prefixes of one and two have postings of their own, as too many words begin with them
MOST_TYPOS_KEPT = 4_096  # words whose near ones are remembered until the vocabulary grows
_PREFIX = "*"  # no word has it in it

Posting = array  # of numbers; or an int that is a bitmap
Costed = list[tuple[int, int]]  # (cost, bitmap), the cheapest first, no number in two of them


@dataclass(frozen=True, slots=True)
class Document:
    number: int
    offering_id: UUID
    name: str
    description: str
    around: str


@dataclass(frozen=True, slots=True)
class Match:
    """How one word that was asked for was found."""

    word: str
    field: Field
    how: How


class Hits:
    """What a search has found, in order: by cost, then by number."""

    def __init__(self, index: "InvertedIndex", wanted: Sequence[str], found: Sequence[Costed], ranked: Costed) -> None:
        self._index = index
        self._wanted = wanted
        self._found = found
        self.ranked = ranked

    def numbers(self) -> list[int]:
        """All of them, in the order of numbers."""
        together = 0
        for _, bitmap in self.ranked:
            together |= bitmap
        return _numbers(together, 0, together.bit_length())

    def only(self, numbers: Iterable[int]) -> "Hits":
        mask = _bitmap(numbers)
        ranked = [(price, left) for price, bitmap in self.ranked if (left := bitmap & mask)]
        return Hits(self._index, self._wanted, self._found, ranked)

    def after(self, position: tuple[int, int] | None, count: int) -> list[tuple[int, int]]:
        """The next `count` (cost, number) behind a position in that order."""
        behind: list[tuple[int, int]] = []
        for price, bitmap in self.ranked:
            start = 0
            if position is not None:
                if price < position[0]:
                    continue
                if price == position[0]:
                    start = position[1] + 1
            behind.extend((price, number) for number in _numbers(bitmap, start, count - len(behind)))
            if len(behind) >= count:
                break
        return behind

    def explain(self, numbers: Sequence[int]) -> dict[int, list[Match]]:
        """How each word was found in some of the hits."""
        matches: dict[int, list[Match]] = {number: [] for number in numbers}
        page = _bitmap(numbers)
        for word, costed in zip(self._wanted, self._found, strict=True):
            for price, bitmap in costed:
                if found := bitmap & page:
                    match = Match(word, *explain(price))
                    for number in _numbers(found, 0, len(numbers)):
                        matches[number].append(match)
        return matches


class InvertedIndex:
    def __init__(self) -> None:
        self.offering_ids: dict[int, UUID] = {}
        self._terms: dict[str, int] = {}  # a word, or a short prefix with its star
        self._postings: list[Posting[int] | int] = []  # of term n in field f at 3n + f
        self._held: dict[int, Posting[int]] = {}  # by number: the places in `_postings` that hold it
        self._sorted: list[str] = []
        self._unsorted = False
        self._by_length: dict[int, list[str]] = defaultdict(list)
        self._near: dict[str, list[tuple[str, int]]] = {}

    def put(self, documents: Iterable[Document]) -> None:
        """Take in what is new, and what has changed instead of what it was."""
        added: dict[int, list[int]] = defaultdict(list)
        for document in documents:
            number = document.number
            for place in self._held.pop(number, ()):
                self._postings[place] = _without(self._postings[place], number)
            best: dict[str, int] = {}
            for field, text in ((2, document.around), (1, document.description), (0, document.name)):
                best |= dict.fromkeys(words(text), field)
            prefixes: dict[str, int] = {}
            for word, field in best.items():
                for prefix in (word[0] + _PREFIX, word[:2] + _PREFIX):
                    if prefixes.get(prefix, 3) > field:
                        prefixes[prefix] = field
            best |= prefixes
            held = array("I", [3 * self._term(term) + field for term, field in best.items()])
            for place in held:
                added[place].append(number)
            self._held[number] = held
            self.offering_ids[number] = document.offering_id
        for place, numbers in added.items():
            self._postings[place] = _with(self._postings[place], numbers)

    def _term(self, term: str) -> int:
        number = self._terms.get(term)
        if number is None:
            number = self._terms[term] = len(self._terms)
            self._postings += [array("I"), array("I"), array("I")]
            if not term.endswith(_PREFIX):
                self._sorted.append(term)
                self._unsorted = True
                self._by_length[len(term)].append(term)
                self._near.clear()
        return number

    def find(self, text: str) -> Hits:
        """The offerings that hold every word of `text`; nothing where it has none."""
        wanted = asked(text)
        found = [self._costed(word) for word in wanted]
        ranked: dict[int, int] = {}
        for place, costed in enumerate(sorted(found, key=len)):
            if place == 0:
                ranked = dict(costed)
                continue
            sums: dict[int, int] = defaultdict(int)
            for so_far, bitmap in ranked.items():
                for price, others in costed:
                    if both := bitmap & others:
                        sums[so_far + price] |= both
            ranked = sums
        return Hits(self, wanted, found, sorted(ranked.items()))

    def _costed(self, word: str) -> Costed:
        """Which offerings hold `word`, or something near it, and at what cost: each once, at its best."""
        bitmaps: dict[int, int] = defaultdict(int)

        def add(terms: Iterable[str], *, prefix: bool = False, typos: int = 0) -> None:
            places = [self._terms[term] for term in terms if term in self._terms]
            for field in Field:
                together = _together([self._postings[3 * place + field] for place in places])
                if together:
                    bitmaps[cost(field, prefix=prefix, typos=typos)] |= together

        add([word])
        add([word + _PREFIX] if len(word) <= SHORT_PREFIX else self._beginning_with(word), prefix=True)
        for typos in range(1, typos_allowed(word) + 1):
            add([near for near, distance in self._near_words(word) if distance == typos], typos=typos)
        seen = 0
        costed = []
        for price, bitmap in sorted(bitmaps.items()):
            if new := bitmap ^ (bitmap & seen):
                costed.append((price, new))
                seen |= bitmap
        return costed

    def _beginning_with(self, word: str) -> list[str]:
        if self._unsorted:
            self._sorted.sort()
            self._unsorted = False
        begin = bisect_left(self._sorted, word)
        end = bisect_left(self._sorted, word + "\U0010ffff", begin)
        return self._sorted[begin:end]

    def _near_words(self, word: str) -> list[tuple[str, int]]:
        """Words of the vocabulary within the distance that `word` allows (optimal string alignment), and how far."""
        near = self._near.get(word)
        if near is None:
            allowed = typos_allowed(word)
            near = []
            for length in range(len(word) - allowed, len(word) + allowed + 1):
                if choices := self._by_length.get(length):
                    found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=allowed, limit=None)
                    near += [(other, int(distance)) for other, distance, _ in found if distance]
            if len(self._near) >= MOST_TYPOS_KEPT:
                self._near.clear()
            self._near[word] = near
        return near


def _bitmap(numbers: Iterable[int]) -> int:
    listed = numbers if isinstance(numbers, list | array) else list(numbers)
    if not listed:
        return 0
    bits = bytearray(max(listed) // 8 + 1)
    for number in listed:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def _numbers(bitmap: int, start: int, count: int) -> list[int]:
    """The first `count` numbers of a bitmap from `start` on."""
    if count <= 0:
        return []
    bits = bin(bitmap >> start)[:1:-1]  # text is searched faster than integers are shifted
    found: list[int] = []
    place = bits.find("1")
    while place >= 0 and len(found) < count:
        found.append(place + start)
        place = bits.find("1", place + 1)
    return found


def _with(posting: "Posting[int] | int", numbers: list[int]) -> "Posting[int] | int":
    if isinstance(posting, int):
        return posting | _bitmap(numbers)
    if len(posting) + len(numbers) > FEW:
        return _bitmap([*posting, *numbers])
    posting.extend(numbers)
    return posting


def _without(posting: "Posting[int] | int", number: int) -> "Posting[int] | int":
    if isinstance(posting, int):
        return posting & ~(1 << number)
    posting.remove(number)
    return posting


def _together(postings: "Sequence[Posting[int] | int]") -> int:
    """The union of many, as a bitmap."""
    united = 0
    few = array("I")
    for posting in postings:
        if isinstance(posting, int):
            united |= posting
        else:
            few.extend(posting)
    return united | _bitmap(few)
