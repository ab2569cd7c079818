"""Surveys and invitations: which questions may be asked, which answers fit, who may answer and until when."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_service.domain.invitation import (
    InvitationAnswered,
    InvitationExpired,
    InvitationState,
    NotInvited,
    answer,
    expire,
    require_invited,
)
from feedback_service.domain.scores import ScoreKind
from feedback_service.domain.survey import (
    Answer,
    AnswersDoNotFit,
    Question,
    QuestionKind,
    QuestionsNotAskable,
    Scored,
    number_questions,
    require_askable,
    scores_of,
)

NPS = Question("nps", QuestionKind.NPS, "How likely are you to recommend it?", required=True)
EASE = Question("ease", QuestionKind.CES, "It was easy to get.")
KIND = Question("use", QuestionKind.CHOICE, "What for?", choices=("work", "test"))
WHY = Question("why", QuestionKind.TEXT, "Why?")
ASKED = (NPS, EASE, KIND, WHY)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def pointers(refused: pytest.ExceptionInfo[QuestionsNotAskable] | pytest.ExceptionInfo[AnswersDoNotFit]) -> list[str]:
    return [fault.pointer for fault in refused.value.faults]


def test_questions_without_an_id_are_numbered_around_the_others() -> None:
    asked = number_questions(
        [
            Question("", QuestionKind.NPS, "a"),
            Question("q1", QuestionKind.TEXT, "b"),
            Question("", QuestionKind.TEXT, "c"),
        ]
    )
    assert [question.id for question in asked] == ["q2", "q1", "q3"]


def test_good_questions_are_askable() -> None:
    require_askable(ASKED)


@pytest.mark.parametrize(
    ("questions", "expected"),
    [
        ([], ["/questions"]),
        ([WHY] * 51, ["/questions"]),
        ([NPS, NPS], ["/questions/1/id", "/questions/1/kind"]),
        ([Question("Ü", QuestionKind.TEXT, " ")], ["/questions/0/id", "/questions/0/text"]),
        ([Question("a", QuestionKind.CHOICE, "?", choices=("x",))], ["/questions/0/choices"]),
        ([Question("a", QuestionKind.CHOICE, "?", choices=("x", "x"))], ["/questions/0/choices"]),
        ([Question("a", QuestionKind.TEXT, "?", choices=("x", "y"))], ["/questions/0/choices"]),
    ],
)
def test_bad_questions_are_named(questions: list[Question], expected: list[str]) -> None:
    with pytest.raises(QuestionsNotAskable) as refused:
        require_askable(questions)
    assert pointers(refused) == expected


def test_fitting_answers_give_their_scores() -> None:
    answers = [
        Answer("nps", score=9),
        Answer("why", text="fast"),
        Answer("ease", score=7),
        Answer("use", choice="work"),
    ]
    assert scores_of(ASKED, answers) == (Scored(ScoreKind.NPS, 9), Scored(ScoreKind.CES, 7))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], ["/answers"]),
        ([Answer("nps", score=11)], ["/answers/0/score"]),
        ([Answer("nps", text="ten")], ["/answers/0"]),
        ([Answer("nps")], ["/answers/0"]),
        ([Answer("nps", score=9, text="and")], ["/answers/0"]),
        ([Answer("nps", score=9), Answer("nps", score=1)], ["/answers/1/question_id"]),
        ([Answer("nps", score=9), Answer("colour", text="red")], ["/answers/1/question_id"]),
        ([Answer("nps", score=9), Answer("use", choice="play")], ["/answers/1/choice"]),
        ([Answer("nps", score=9), Answer("why", text="x" * 10_001)], ["/answers/1/text"]),
        ([Answer("ease", score=0)], ["/answers/0/score", "/answers"]),
    ],
)
def test_answers_that_do_not_fit_are_named(answers: list[Answer], expected: list[str]) -> None:
    with pytest.raises(AnswersDoNotFit) as refused:
        scores_of(ASKED, answers)
    assert pointers(refused) == expected


@given(st.sampled_from(["nps", "csat", "ces"]), st.integers(-3, 13))
def test_a_score_is_taken_exactly_on_its_scale(kind: str, given_score: int) -> None:
    question = Question("q1", QuestionKind(kind), "?")
    lowest, highest = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}[kind]
    if lowest <= given_score <= highest:
        assert scores_of([question], [Answer("q1", score=given_score)])[0].score == given_score
    else:
        with pytest.raises(AnswersDoNotFit):
            scores_of([question], [Answer("q1", score=given_score)])


def test_an_invitation_is_answered_once_and_in_time() -> None:
    until = NOW + timedelta(days=1)
    assert answer(InvitationState.SENT, expires_at=until, now=NOW) is InvitationState.ANSWERED
    with pytest.raises(InvitationAnswered):
        answer(InvitationState.ANSWERED, expires_at=until, now=NOW)
    with pytest.raises(InvitationExpired):
        answer(InvitationState.EXPIRED, expires_at=until, now=NOW)
    with pytest.raises(InvitationExpired, match="2026-11-25T12:00:00Z"):
        answer(InvitationState.SENT, expires_at=until, now=until)  # the timer may be late, the clock is not


def test_only_an_open_invitation_past_its_time_expires() -> None:
    later = NOW + timedelta(days=1)
    assert expire(InvitationState.SENT, expires_at=NOW, now=NOW) is InvitationState.EXPIRED
    assert expire(InvitationState.SENT, expires_at=later, now=NOW) is InvitationState.SENT
    assert expire(InvitationState.ANSWERED, expires_at=NOW, now=later) is InvitationState.ANSWERED
    assert expire(InvitationState.EXPIRED, expires_at=NOW, now=later) is InvitationState.EXPIRED


def test_the_person_invited_or_a_consumer_of_the_unit_answers() -> None:
    person, colleague = str(uuid4()), str(uuid4())
    require_invited(addressed_to=person, person_id=person, consumer_of_that_unit=False)
    require_invited(addressed_to=person, person_id=colleague, consumer_of_that_unit=True)
    for addressed_to in (person, None):
        with pytest.raises(NotInvited):
            require_invited(addressed_to=addressed_to, person_id=colleague, consumer_of_that_unit=False)
