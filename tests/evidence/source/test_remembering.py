from dataclasses import dataclass

from fastapi_audit.evidence.source.remembering import remembered


@dataclass(eq=False)
class Subject:
    asked: int = 0

    def ask(self) -> int:
        self.asked += 1
        return self.asked


@remembered
def answer(subject: Subject, by: int = 1) -> int | None:
    return subject.ask() * by if by else None


def test_a_question_is_asked_once_for_each_subject() -> None:
    first, second = Subject(), Subject()
    assert [answer(first), answer(first), answer(second)] == [1, 1, 1]
    assert (first.asked, second.asked) == (1, 1)


def test_each_further_argument_is_a_question_of_its_own() -> None:
    subject = Subject()
    assert [answer(subject, 2), answer(subject, by=3), answer(subject, 2)] == [2, 6, 2]


def test_no_answer_is_an_answer_too() -> None:
    subject = Subject()
    assert [answer(subject, 0), answer(subject, 0)] == [None, None]
