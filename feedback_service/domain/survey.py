"""Surveys: which questions may be asked, and whether answers fit the version that was asked.

A survey's questions are versioned: a change makes a new version, and an invitation keeps the version it was sent with,
so answers are checked against, and stored with, exactly what the person saw.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from feedback_service.domain.scores import ScoreKind, range_fault
from services.errors import Fault, Invalid

QUESTIONS_MAX = 50
CHOICES_MAX = 50
ANSWER_TEXT_MAX = 10_000
QUESTION_ID = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Trigger(StrEnum):
    """What makes a survey go out."""

    SUBSCRIPTION_ACTIVATED = "subscription.activated"


class QuestionKind(StrEnum):
    NPS = "nps"
    CSAT = "csat"
    CES = "ces"
    CHOICE = "choice"
    TEXT = "text"

    @property
    def score_kind(self) -> ScoreKind | None:
        return ScoreKind(self) if self in (self.NPS, self.CSAT, self.CES) else None

    @property
    def answer_field(self) -> str:
        """The one field of an answer that this kind of question takes."""
        return "score" if self.score_kind else self.value


class QuestionsNotAskable(Invalid): ...


class AnswersDoNotFit(Invalid): ...


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    kind: QuestionKind
    text: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: exactly one of `score`, `choice` and `text` is set."""

    question_id: str
    score: int | None = None
    choice: str | None = None
    text: str | None = None

    @property
    def given(self) -> tuple[str, ...]:
        return tuple(name for name in ("score", "choice", "text") if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True)
class Scored:
    kind: ScoreKind
    score: int


def number_questions(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Give questions without an id the first free one of q1, q2, … in their order."""
    taken = {question.id for question in questions if question.id}
    free = (f"q{number}" for number in range(1, 2 * len(questions) + 1) if f"q{number}" not in taken)
    return tuple(
        question
        if question.id
        else Question(next(free), question.kind, question.text, question.required, question.choices)
        for question in questions
    )


def require_askable(questions: Sequence[Question]) -> None:
    """Raise QuestionsNotAskable, naming every fault, unless `questions` make a survey.

    Ids are unique; a choice question has at least two distinct choices and no other kind has any; each of NPS, CSAT and
    CES is asked at most once, since n counts people and not answers.
    """
    if not 1 <= len(questions) <= QUESTIONS_MAX:
        message = f"a survey has 1 to {QUESTIONS_MAX} questions, not {len(questions)}"
        raise QuestionsNotAskable(message, faults=[Fault("/questions", message)])
    faults: list[Fault] = []
    ids: set[str] = set()
    scored: set[QuestionKind] = set()
    for index, question in enumerate(questions):
        at = f"/questions/{index}"
        if not QUESTION_ID.fullmatch(question.id):
            faults.append(
                Fault(f"{at}/id", f"{question.id!r} is not an id: small letters, digits, '-' and '_', at most 40")
            )
        elif question.id in ids:
            faults.append(Fault(f"{at}/id", f"{question.id!r} is used by an earlier question"))
        ids.add(question.id)
        if not question.text.strip():
            faults.append(Fault(f"{at}/text", "a question needs a text"))
        if question.kind in scored:
            faults.append(Fault(f"{at}/kind", f"{question.kind} is asked by an earlier question: a person counts once"))
        if question.kind.score_kind:
            scored.add(question.kind)
        faults += _choice_faults(question, at)
    if faults:
        raise QuestionsNotAskable("the questions do not make a survey", faults=faults)


def _choice_faults(question: Question, at: str) -> list[Fault]:
    if question.kind is not QuestionKind.CHOICE:
        return [Fault(f"{at}/choices", f"a {question.kind} question has no choices")] if question.choices else []
    if not 2 <= len(question.choices) <= CHOICES_MAX:
        return [
            Fault(f"{at}/choices", f"a choice question has 2 to {CHOICES_MAX} choices, not {len(question.choices)}")
        ]
    if len(set(question.choices)) < len(question.choices):
        return [Fault(f"{at}/choices", "a choice is there twice")]
    return []


def scores_of(questions: Sequence[Question], answers: Sequence[Answer]) -> tuple[Scored, ...]:
    """The scored answers, in the order of the answers, of `answers` that fit `questions`.

    Raises AnswersDoNotFit, naming every fault by its pointer below `/answers`: an unknown question, one answered twice,
    a field that the kind does not take, a score off its scale, a choice not offered, a required one left out.
    """
    asked = {question.id: question for question in questions}
    faults = _answer_faults(asked, answers)
    if faults:
        raise AnswersDoNotFit("the answers do not fit the version of the survey that was sent", faults=faults)
    return tuple(
        Scored(kind, answer.score)
        for answer in answers
        if (kind := asked[answer.question_id].kind.score_kind) is not None and answer.score is not None
    )


def _answer_faults(asked: Mapping[str, Question], answers: Sequence[Answer]) -> list[Fault]:
    if not answers:
        return [Fault("/answers", "a response answers at least one question")]
    faults: list[Fault] = []
    answered: set[str] = set()
    for index, answer in enumerate(answers):
        at = f"/answers/{index}"
        question = asked.get(answer.question_id)
        if question is None:
            faults.append(Fault(f"{at}/question_id", f"{answer.question_id!r} was not asked"))
        elif question.id in answered:
            faults.append(Fault(f"{at}/question_id", f"{question.id!r} is answered by an earlier answer"))
        else:
            answered.add(question.id)
            faults += _misfit(question, answer, at)
    missing = [question.id for question in asked.values() if question.required and question.id not in answered]
    return faults + [Fault("/answers", f"{question_id!r} is required") for question_id in missing]


def _misfit(question: Question, answer: Answer, at: str) -> list[Fault]:
    field = question.kind.answer_field
    if answer.given != (field,):
        return [Fault(at, f"a {question.kind} question takes {field!r} and nothing else")]
    score_kind = question.kind.score_kind
    if score_kind is not None and answer.score is not None:
        fault = range_fault(score_kind, answer.score, pointer=f"{at}/score")
        return [fault] if fault else []
    if answer.choice is not None and answer.choice not in question.choices:
        return [Fault(f"{at}/choice", f"{answer.choice!r} is none of {', '.join(question.choices)}")]
    if answer.text is not None and len(answer.text) > ANSWER_TEXT_MAX:
        return [Fault(f"{at}/text", f"a text has at most {ANSWER_TEXT_MAX} characters, not {len(answer.text)}")]
    return []
