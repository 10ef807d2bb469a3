"""Dockerfiles."""

import pytest

from deployed import Reading
from fastapi_audit.evidence.deployment import Image


def image(reading: Reading, text: str) -> Image:
    (found,) = reading({"Dockerfile": text}).images
    return found


def test_the_final_stage_holds_what_it_inherits(reading: Reading) -> None:
    final = image(
        reading,
        """
        ARG PYTHON=3.12
        FROM python:${PYTHON}-slim AS base
        ENV A=1 \\
            # a comment between continued lines
            B="two words"
        RUN apt-get update && apt-get install -y --no-install-recommends \\
            curl=7.88 git && rm -rf /var/lib/apt/lists
        USER app
        FROM base
        EXPOSE 8000
        HEALTHCHECK --interval=30s --retries=2 CMD curl -f http://localhost:8000/health || exit 1
        CMD ["uvicorn", "app:app"]
        """,
    ).final
    assert (final.base.name, final.base.certain, final.python_version) == ("python:3.12-slim", False, (3, 12))
    assert final.environment == {"A": "1", "B": "two words"}
    assert final.system_packages == {"curl", "git"}
    assert (final.runs_as_root, final.user and final.user.location.line) == (False, 8)
    assert [port.value for port in final.exposed] == ["8000"]
    assert final.healthcheck is not None
    assert (final.healthcheck.interval, final.healthcheck.retries) == (30.0, 2)
    assert final.healthcheck.programs == ("curl", "exit")
    assert final.healthcheck.urls == ("http://localhost:8000/health",)


def test_words_of_the_exec_form_stand_where_they_are_written(reading: Reading) -> None:
    command = image(reading, 'FROM python\nCMD ["uvicorn", "app:app", \\\n  "--port", "80"]').final.command
    assert command is not None
    assert [(w.value, w.raw, w.location.line, w.location.column) for w in command.words] == [
        ("uvicorn", '"uvicorn"', 2, 6),
        ("app:app", '"app:app"', 2, 17),
        ("--port", '"--port"', 3, 3),
        ("80", '"80"', 3, 13),
    ]
    edit = command.words[3].replaced('"8000"')
    assert (edit.old, edit.start) == ('"80"', 53)


def test_a_list_that_is_not_json_is_a_shell_form_as_docker_sees_it(reading: Reading) -> None:
    command = image(reading, "FROM python\nCMD ['uvicorn', 'app:app']").final.command
    assert command is not None
    assert command.is_shell_form


def test_an_entrypoint_drops_the_command_of_the_stage_below(reading: Reading) -> None:
    final = image(reading, 'FROM a AS x\nCMD ["one"]\nFROM x\nENTRYPOINT ["two"]').final
    assert final.command is None


def test_heredocs_and_another_escape_character_are_followed(reading: Reading) -> None:
    final = image(
        reading,
        """
        # escape=`
        FROM python:3.13
        RUN <<EOF
        apk add wget
        EOF
        RUN apk add `
          git
        USER 0
        """,
    ).final
    assert final.system_packages == {"wget", "git"}
    assert final.runs_as_root is True


@pytest.mark.parametrize(
    ("reference", "version", "moves"),
    [
        ("python:3.9", (3, 9), False),
        ("python:3", (3,), False),
        ("python", None, True),
        ("python:latest", None, True),
        ("python@sha256:0", None, False),
        ("ghcr.io/astral-sh/uv:python3.12-bookworm-slim", (3, 12), False),
        ("registry.access.redhat.com/ubi9/python-311", (3, 11), True),
        ("localhost:5000/acme/api", None, True),
        ("scratch", None, False),
        ("debian:12", None, False),
        ("${BASE}", None, False),
    ],
)
def test_an_image_name_tells_its_python_and_whether_it_moves(
    reading: Reading, reference: str, version: tuple[int, ...] | None, *, moves: bool
) -> None:
    base = image(reading, f"FROM {reference}").final.base
    assert (base.python_version, base.moves) == (version, moves)


def test_every_form_of_an_instruction_is_read(reading: Reading) -> None:
    final = image(
        reading,
        """
        # syntax=docker/dockerfile:1
        # escape=`
        `
        FROM --platform=linux/amd64 python:3.13 as Final
        LABEL owner=me
        ENV GREETING hello  world
        ENV UNKNOWN=$NOWHERE
        ARG PORT=80
        ENV URL=http://localhost:$PORT
        RUN ["apt-get", "install", "-y", "curl"]
        COPY everything
        COPY ["a b", "/c"]
        HEALTHCHECK NONE
        """,
    ).final
    assert (final.name, final.base.name, final.text.location.line) == ("final", "python:3.13", 4)
    greeting = final.env[0]
    assert (greeting.name, greeting.literal, greeting.location.line) == ("GREETING", "hello  world", 6)
    assert greeting.value is not None
    assert (greeting.value.raw, greeting.value.location.column) == ("hello  world", 14)
    assert final.environment == {"GREETING": "hello  world", "URL": "http://localhost:80"}
    assert final.system_packages == {"curl"}
    assert [(tuple(s.value for s in copy.sources), copy.target.value) for copy in final.copies] == [(("a b",), "/c")]
    assert final.healthcheck is not None
    assert (final.healthcheck.is_off, final.healthcheck.programs, final.healthcheck.urls) == (True, (), ())


@pytest.mark.parametrize("written", ['{"a": 1}', '["a", 1]'])
def test_json_that_is_no_list_of_words_is_a_shell_form(reading: Reading, written: str) -> None:
    command = image(reading, f"FROM python\nCMD {written}").final.command
    assert command is not None
    assert (command.is_shell_form, command.location.line) == (True, 2)
