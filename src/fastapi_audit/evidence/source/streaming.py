"""What produces the body of a streaming response, and what it uses of the handler."""

from fastapi_audit.evidence.source.code import Call, Expression, Function


def generator_of(response: Call) -> Function | None:
    """The generator function of the program that a `StreamingResponse(…)` is given."""
    made = _made(response.argument("content", 0))
    target = made.target if made is not None else None
    return target if target is not None and target.is_generator else None


def streamed_by(response: Call, name: str) -> bool:
    """Whether the generator of a response uses a variable of the function that makes the response.

    It is handed to the generator as it is, or the generator is a function inside that reads it.
    """
    generator = generator_of(response)
    made = _made(response.argument("content", 0))
    if generator is None or made is None:
        return False
    if any(a.written == name for a in (*made.arguments, *made.keywords.values())):
        return True
    maker = response.function
    inside = isinstance(generator.outside, Function) and maker is not None and generator.outside.node is maker.node
    return inside and generator.reads(name)


def _made(given: Expression | None) -> Call | None:
    """The call that makes the generator, also through a variable."""
    if given is None or isinstance(given, Call):
        return given
    for statement in given.body.statements_of("assign"):
        if given.kind == "name" and any(t.written == given.text for t in statement.targets):
            return statement.value if isinstance(statement.value, Call) else None
    return None
