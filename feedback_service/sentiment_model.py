"""The model behind sentiment: VADER (Hutto and Gilbert 2014), a lexicon with rules; offline, on the CPU.

Loaded on first use, since most requests need none. `model_version()` is stored with every result: scores of different
versions are not comparable. VADER's lexicon counts "support" as praise; where IT is rated it is the name of a
department, so that word is taken out, and the version says so.
"""

import asyncio
from functools import cache
from importlib.metadata import version
from typing import Protocol

from feedback_service.domain.sentiment import Sentiment, analyse

NAMES_NOT_OPINIONS = ("support", "supports")


class _Analyzer(Protocol):
    lexicon: dict[str, float]

    def polarity_scores(self, text: str) -> dict[str, float]: ...


@cache
def _analyzer() -> _Analyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped]

    analyzer: _Analyzer = SentimentIntensityAnalyzer()
    for name in NAMES_NOT_OPINIONS:
        analyzer.lexicon.pop(name, None)
    return analyzer


@cache
def model_version() -> str:
    return f"vader-{version('vaderSentiment')}+itaas.1"


def _polarity(text: str) -> float:
    return _analyzer().polarity_scores(text)["compound"]


def sentiment_of(text: str) -> Sentiment:
    return analyse(text, _polarity)


async def analyse_texts(texts: list[str]) -> list[Sentiment]:
    """The sentiment of each text, off the event loop: a long text takes a tenth of a second."""
    return await asyncio.to_thread(lambda: [sentiment_of(text) for text in texts])
