"""Sentiment of a text, and of each aspect it speaks of.

The polarity of a piece of text (−1..1) comes from a model that is passed in; here is what is made of it: a label, and
per aspect the mean polarity of the clauses that name it. A clause ends at a sentence mark, a line, a semicolon or a
turn such as 'but', so that 'cheap, but support never answers' praises the price and not the support.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

# Hutto and Gilbert (2014) call a compound score within ±0.05 neutral.
NEUTRAL_WITHIN = 0.05


class Label(StrEnum):
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class Aspect(StrEnum):
    PRICE = "price"
    SPEED = "speed"
    RELIABILITY = "reliability"
    SUPPORT = "support"
    USABILITY = "usability"


# Word forms that name an aspect, as alternatives of a regular expression between word boundaries.
KEYWORDS: dict[Aspect, str] = {
    Aspect.PRICE: r"pric\w+|costs?|costly|cheap\w*|expensive\w*|afford\w*|budgets?|charg\w+|fees?|bill(?:s|ed|ing)?"
    r"|invoices?|overpriced|money|worth",
    Aspect.SPEED: r"speed\w*|fast(?:er|est)?|slow\w*|quick\w*|latency|lag(?:s|gy|ging)?|delay\w*|response[ -]times?"
    r"|performance|wait(?:s|ed|ing)?|days|weeks|months|overnight|prompt(?:ly)?|instant(?:ly)?",
    Aspect.RELIABILITY: r"(?:un)?reliab\w+|(?:un)?availab\w+|(?:in|un)?stab(?:le|ility)|outages?|downtime|uptime|down"
    r"|crash\w*|brok(?:e|en)|fail\w*|errors?|bug(?:s|gy)?|data[ -]loss|disconnect\w*|flaky",
    Aspect.SUPPORT: r"support(?:ers?|ed|ing)?|help[ -]?desk|service[ -]?desk|agents?|technicians?|staff|tickets?"
    r"|hotline|(?:un)?responsive|(?:un)?helpful",
    Aspect.USABILITY: r"us(?:ability|able)|unusable|eas(?:y|ily|ier|iest|e)|(?:un)?intuitive\w*|confus\w+|complicated"
    r"|interfaces?|ui|ux|navigat\w+|layout|design|(?:user[ -])?friendly|clumsy|cumbersome|self[ -]explanatory|clicks?",
}
_ASPECTS = {aspect: re.compile(rf"\b(?:{forms})\b", re.IGNORECASE) for aspect, forms in KEYWORDS.items()}
_CLAUSE_END = re.compile(
    r"(?<=[.!?…])\s+|[\n;]+|,?\s+\b(?=(?:but|however|although|though|whereas|yet)\b)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class AspectSentiment:
    aspect: Aspect
    label: Label
    score: float


@dataclass(frozen=True, slots=True)
class Sentiment:
    """`score` is −1 (bad) to 1 (good); `aspects` only those that the text speaks of, in the order of `Aspect`."""

    label: Label
    score: float
    aspects: tuple[AspectSentiment, ...]


def label_of(score: float) -> Label:
    if score >= NEUTRAL_WITHIN:
        return Label.POSITIVE
    if score <= -NEUTRAL_WITHIN:
        return Label.NEGATIVE
    return Label.NEUTRAL


def clauses(text: str) -> list[str]:
    return [clause for part in _CLAUSE_END.split(text) if (clause := part.strip())]


def analyse(text: str, polarity: Callable[[str], float]) -> Sentiment:
    """Label, score and aspects of `text` by `polarity`, a model of −1..1."""
    whole = polarity(text)
    found: dict[Aspect, list[float]] = {}
    for clause in clauses(text):
        named = [aspect for aspect, pattern in _ASPECTS.items() if pattern.search(clause)]
        if named:
            clause_score = polarity(clause)
            for aspect in named:
                found.setdefault(aspect, []).append(clause_score)
    means = {aspect: fmean(scores) for aspect in Aspect if (scores := found.get(aspect))}
    aspects = tuple(AspectSentiment(aspect, label_of(mean), mean) for aspect, mean in means.items())
    return Sentiment(label_of(whole), whole, aspects)
