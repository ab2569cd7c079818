"""Words of a text as they are searched for, and what a match of one costs.

Words are runs of letters and digits, folded: compatibility forms, case and accents are gone (`Café №5` → cafe, no, 5).
Chinese and Japanese stand without spaces, so that each of their characters and each pair of neighbours is a word;
what is asked for are the pairs. Scripts that join words in other ways (Thai, Khmer) are found by how a run begins.

    cost of one word =        exact   begins with it   one typo   two typos
      in the name               0           1             10          11
      in the description        4           5             14          15
      around it                 8           9             18          19

*Around it* are the names of its service, of what that provides, of its place in the taxonomy, and of its tier. A hit
costs what its words cost together, each at its best; the cheapest stands first, the older first among equals. So
whatever is spelt as asked for comes before any typo, and a name before a description before what is around.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import IntEnum, StrEnum
from itertools import pairwise

LONGEST_WORD = 60  # letters that count; the rest of a longer word is neither kept nor asked for
MOST_WORDS = 20  # that may be asked for at once
# Letters whose mark is part of them: no decomposition takes it off.
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
)
_RUN = re.compile(r"[^\W_]+")
_WITHOUT_SPACES = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


class Field(IntEnum):
    """Where a word stands; the number is its place in the order of worth."""

    NAME = 0
    DESCRIPTION = 1
    AROUND = 2


class How(StrEnum):
    EXACT = "exact"
    PREFIX = "prefix"
    TYPO = "typo"


FIELD_COST = 4
PREFIX_COST = 1
TYPO_COST = 9  # and one for each letter that is wrong


def cost(field: Field, *, prefix: bool = False, typos: int = 0) -> int:
    """What a match costs; 0 is the best there is."""
    return field * FIELD_COST + (PREFIX_COST if prefix else 0) + (TYPO_COST + typos if typos else 0)


def explain(cost: int) -> tuple[Field, How]:
    """The field and the kind of match that a cost stands for."""
    how = cost % FIELD_COST
    if cost >= TYPO_COST + 1 and how >= 2:
        return Field((cost - TYPO_COST - 1) // FIELD_COST), How.TYPO
    return Field(cost // FIELD_COST), How.PREFIX if how else How.EXACT


def typos_allowed(word: str) -> int:
    """How many letters of `word` may be wrong, missing, too many, or swapped with their neighbour; none in numbers."""
    if len(word) < 4 or not word.isalpha():
        return 0
    return 1 if len(word) < 8 else 2


def folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    if not apart.isascii():
        apart = "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LETTERS)
        apart = unicodedata.normalize("NFC", apart)  # what is no accent grows together again, as Korean syllables
    return apart


def words(text: str) -> Iterator[str]:
    """The words to find `text` by, in its order; some more than once."""
    for run in _runs(text):
        if _stands_without_spaces(run[0]):
            yield from run
            yield from (one + other for one, other in pairwise(run))
        else:
            yield run[:LONGEST_WORD]


def asked(text: str) -> list[str]:
    """The words that `text` asks for, each once."""
    found: dict[str, None] = {}
    for run in _runs(text):
        if len(run) > 1 and _stands_without_spaces(run[0]):
            found |= dict.fromkeys(one + other for one, other in pairwise(run))
        else:
            found[run[:LONGEST_WORD]] = None
    return list(found)


def _runs(text: str) -> Iterator[str]:
    """Runs of letters and digits, broken where a script without spaces begins or ends."""
    plain = folded(text)
    run = _RUN.findall(plain)
    if plain.isascii():
        yield from run
        return
    for word in run:
        yield from _parts(word)


def _parts(word: str) -> Iterable[str]:
    begun = 0
    for place in range(1, len(word)):
        if _stands_without_spaces(word[place]) != _stands_without_spaces(word[place - 1]):
            yield word[begun:place]
            begun = place
    yield word[begun:]


def _stands_without_spaces(letter: str) -> bool:
    code = ord(letter)
    return code >= 0x3040 and any(least <= code <= most for least, most in _WITHOUT_SPACES)
