"""Would a regular expression explode in an engine that backtracks?

Our own engine runs in linear time whatever the pattern. Who shows a request form to people checks it with a browser's
engine, which backtracks: there `(a+)+$` takes hours for forty letters. What explodes is what can read one text in two
ways inside a loop, since each round then doubles the ways (exponential degree of ambiguity: Weber and Seidl, On the
degree of ambiguity of finite automata, 1991). Found from the pattern's position automaton (Glushkov, 1961): an edge
of a loop that is there twice, or two different paths between the same positions that read the same text.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from jsonschema_rs import Draft202012Validator, ValidationError

from services.forms import PATTERNS

LOOP_FROM = 10  # repetitions: a loop that is bounded below this cannot take long
MOST_STEPS = 200_000  # of one form: a tenth of a second or two

_TOKEN = re.compile(
    r"""(?P<anchor>[\^$]|\\[bBAzZ])
    | (?P<flags>\(\?[a-zA-Z-]+\))
    | (?P<open>\((?:\?(?:P?<[A-Za-z_]\w*>|[a-zA-Z-]*:))?)
    | (?P<close>\)) | (?P<bar>\|)
    | (?P<repeat>(?:[*+?]|\{(?P<least>\d+)(?P<comma>,(?P<most>\d*))?\})\??)
    | (?P<atom>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\] | \\[pPxu]\{[^}]*\} | \\x[0-9a-fA-F]{2} | \\u[0-9a-fA-F]{4}
        | \\[pP]\w | \\. | .)""",
    re.VERBOSE | re.DOTALL,
)
_HEX = re.compile(r"\\[xu]\{?([0-9a-fA-F]{2,6})")
_TYPICAL = frozenset("aZ5_ -./@\n\té中")


class TooComplex(Exception):
    """It could not be judged with the steps that were left."""


@dataclass
class _Part:
    nullable: bool = True
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)


@dataclass
class _Automaton:
    atoms: list[str] = field(default_factory=list)
    edges: Counter[tuple[int, int]] = field(default_factory=Counter)

    def join(self, last: list[int], first: list[int]) -> None:
        self.edges.update((a, b) for a in last for b in first)

    def then(self, one: _Part, other: _Part) -> _Part:
        self.join(one.last, other.first)
        return _Part(
            one.nullable and other.nullable,
            one.first + (other.first if one.nullable else []),
            other.last + (one.last if other.nullable else []),
        )


@dataclass
class Steps:
    """What judging may still take; shared by all patterns of a form."""

    left: int = MOST_STEPS

    def take(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooComplex


def explodes(pattern: str, steps: Steps) -> bool:
    """`pattern` is one that our own engine takes. Raises TooComplex."""
    automaton = _automaton(pattern, steps)
    inside = _in_loops(automaton.edges)
    within = {edge for edge in automaton.edges if inside.get(edge[0], -1) == inside.get(edge[1], -2)}
    if any(automaton.edges[edge] > 1 for edge in within):
        return True
    after: dict[int, list[int]] = {}
    for a, b in within:
        after.setdefault(a, []).append(b)
    letters = _letters(pattern)
    reads = {position: _reads(automaton.atoms[position], letters) for position in after}
    steps.take(10 * len(reads))
    return _two_ways(after, reads, steps)


def _two_ways(after: dict[int, list[int]], reads: dict[int, frozenset[str]], steps: Steps) -> bool:
    """Can two readers part at one position of a loop, read the same, and meet again?"""
    waiting = [(position, position) for position in after]
    known = set(waiting)
    while waiting:
        a, b = waiting.pop()
        for x in after[a]:
            for y in after[b]:
                steps.take()
                if (x, y) in known or not reads[x] & reads[y]:
                    if x == y and a != b and reads[x]:
                        return True
                    continue
                known.add((x, y))
                waiting.append((x, y))
    return False


def _automaton(pattern: str, steps: Steps) -> _Automaton:
    automaton = _Automaton()
    stack: list[tuple[list[_Part], _Part, _Part]] = []  # of each open group: its branches, what stands before, the last
    branches: list[_Part] = []
    before, latest = _Part(), _Part()
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if token["open"]:
            stack.append((branches, before, latest))
            branches, before, latest = [], _Part(), _Part()
        elif token["close"]:
            if not stack:  # a dialect in which this parenthesis is something else
                raise TooComplex
            group = _either([*branches, automaton.then(before, latest)])
            branches, before, latest = stack.pop()
            before, latest = automaton.then(before, latest), group
        elif token["bar"]:
            branches.append(automaton.then(before, latest))
            before, latest = _Part(), _Part()
        elif token["repeat"]:
            latest = _repeated(automaton, latest, token, steps)
        elif kind == "atom":
            position = len(automaton.atoms)
            automaton.atoms.append(token["atom"])
            before, latest = automaton.then(before, latest), _Part(False, [position], [position])
        else:  # an anchor or flags: read nothing
            before, latest = automaton.then(before, latest), _Part()
    return automaton


def _either(branches: list[_Part]) -> _Part:
    return _Part(
        any(branch.nullable for branch in branches),
        [position for branch in branches for position in branch.first],
        [position for branch in branches for position in branch.last],
    )


def _repeated(automaton: _Automaton, part: _Part, token: re.Match[str], steps: Steps) -> _Part:
    sign = token["repeat"][0]
    if sign == "{":
        least = int(token["least"])
        most = least if token["comma"] is None else int(token["most"] or LOOP_FROM)
    else:
        least, most = (1 if sign == "+" else 0), (1 if sign == "?" else LOOP_FROM)
    if most >= LOOP_FROM:
        steps.take(len(part.last) * len(part.first))
        automaton.join(part.last, part.first)
    return _Part(part.nullable or least == 0, part.first, part.last)


def _in_loops(edges: Counter[tuple[int, int]]) -> dict[int, int]:
    """Position to the number of its strongly connected component, of those that have an edge inside (Kosaraju)."""
    forward: dict[int, list[int]] = {}
    back: dict[int, list[int]] = {}
    for a, b in edges:
        forward.setdefault(a, []).append(b)
        back.setdefault(b, []).append(a)
    order: list[int] = []
    seen: set[int] = set()
    for start in forward:
        walk = [(start, False)]
        while walk:
            position, left = walk.pop()
            if left:
                order.append(position)
            elif position not in seen:
                seen.add(position)
                walk.append((position, True))
                walk += [(below, False) for below in forward.get(position, [])]
    component: dict[int, int] = {}
    for start in reversed(order):
        reached = [start] if start not in component else []
        while reached:
            position = reached.pop()
            if position not in component:
                component[position] = start
                reached += [above for above in back.get(position, []) if above not in component]
    return component


def _letters(pattern: str) -> frozenset[str]:
    """Enough letters to tell the pattern's classes apart: those that it names, those beside them, and some others."""
    named = set(pattern) | {chr(min(int(digits, 16), 0x10FFFF)) for digits in _HEX.findall(pattern)}
    beside = {chr(ord(letter) + step) for letter in named for step in (-1, 1) if 0 < ord(letter) + step < 0xD800}
    return frozenset({letter for letter in named | beside if not 0xD800 <= ord(letter) < 0xE000} | _TYPICAL)


@lru_cache(maxsize=2_000)
def _reads(atom: str, letters: frozenset[str]) -> frozenset[str]:
    if len(atom) == 1 and atom != ".":
        return frozenset(atom)
    try:
        engine = Draft202012Validator({"pattern": f"^(?:{atom})$"}, pattern_options=PATTERNS)
    except ValidationError:  # no atom by itself: it might read anything
        return letters
    return frozenset(letter for letter in letters if engine.is_valid(letter))
