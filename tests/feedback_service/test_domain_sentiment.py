"""Sentiment: labels, clauses and aspects by a model that is passed in, and the real model behind it."""

from hypothesis import given
from hypothesis import strategies as st

from feedback_service.domain.sentiment import Aspect, Label, analyse, clauses, label_of
from feedback_service.sentiment_model import model_version, sentiment_of

POLARITIES = {"great": 0.8, "awful": -0.8}


def polarity(text: str) -> float:
    found = [value for word, value in POLARITIES.items() if word in text]
    return sum(found) / len(found) if found else 0.0


def test_labels_turn_at_five_hundredths() -> None:
    assert [label_of(score) for score in (0.05, 0.049, 0.0, -0.049, -0.05)] == [
        Label.POSITIVE,
        Label.NEUTRAL,
        Label.NEUTRAL,
        Label.NEUTRAL,
        Label.NEGATIVE,
    ]


def test_clauses_end_at_marks_lines_and_turns() -> None:
    assert clauses("Cheap, but slow. Version 2.1 is down!\nWhy; how") == [
        "Cheap",
        "but slow.",
        "Version 2.1 is down!",
        "Why",
        "how",
    ]


def test_each_aspect_gets_the_mean_of_the_clauses_that_name_it() -> None:
    found = analyse("The price is great, but support is awful. The price was great last year. Hello", polarity)
    assert found.score == 0.0 and found.label is Label.NEUTRAL
    assert [(one.aspect, one.label, one.score) for one in found.aspects] == [
        (Aspect.PRICE, Label.POSITIVE, 0.8),
        (Aspect.SUPPORT, Label.NEGATIVE, -0.8),
    ]


def test_aspects_are_whole_words() -> None:
    assert analyse("breakfast, dominion, guild and a slogan", polarity).aspects == ()
    assert [one.aspect for one in analyse("Slower since the outage, 3 weeks and no help desk", polarity).aspects] == [
        Aspect.SPEED,
        Aspect.RELIABILITY,
        Aspect.SUPPORT,
    ]


@given(st.text(max_size=300))
def test_any_text_has_a_score_on_the_scale(text: str) -> None:
    found = sentiment_of(text)
    assert -1.0 <= found.score <= 1.0
    assert all(-1.0 <= one.score <= 1.0 for one in found.aspects)


def test_the_model_reads_negation_and_does_not_praise_a_department() -> None:
    assert sentiment_of("The new mailbox is great and really easy to use.").label is Label.POSITIVE
    assert sentiment_of("The new mailbox is not good at all.").label is Label.NEGATIVE
    assert sentiment_of("I called support.").score == 0.0
    assert model_version().startswith("vader-")
