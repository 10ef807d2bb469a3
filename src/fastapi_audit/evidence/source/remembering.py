"""Answers that are worked out once: a question about one subject of the program keeps its answer with that subject."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

Subject = TypeVar("Subject")
Further = ParamSpec("Further")
Answer = TypeVar("Answer")


def remembered(
    question: Callable[Concatenate[Subject, Further], Answer],
) -> Callable[Concatenate[Subject, Further], Answer]:
    """Makes a question ask only once for each subject and each further, hashable, argument.

    The subject is a function, class, module, route or application; it must not change any more.
    """
    name = f"{question.__module__}.{question.__qualname__}"

    @wraps(question)
    def ask(subject: Subject, /, *args: Further.args, **kwargs: Further.kwargs) -> Answer:
        answers: dict[object, Answer] = subject.__dict__.setdefault(name, {})
        key = (args, tuple(kwargs.items())) if kwargs else args
        if key not in answers:
            answers[key] = question(subject, *args, **kwargs)
        return answers[key]

    return ask
