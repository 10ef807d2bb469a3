"""Foreign text on a page: what it quotes as code becomes code, and nothing else in it has a meaning."""

import re

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from fastapi_audit.reports.cells import visible

CODE = re.compile(r"`([^`]+)`")

# Raw HTML in a documentation stays text, and a link leads to http, https or mailto.
READER = MarkdownIt("commonmark", {"html": False})


def prose(text: str) -> Markup:
    """One paragraph; every character that would hide or reorder others is written out."""
    parts = CODE.split(visible(" ".join(text.split())))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def documented(markdown: str) -> Markup:
    """A rule's own documentation; its headings stand below those of the page."""
    return Markup(READER.render(re.sub(r"^#+ ", "#### ", markdown, flags=re.MULTILINE)))  # noqa: S704  html is off


def lines(text: str) -> tuple[str, ...]:
    """A text of several lines, such as an answer of the service, each made visible."""
    return tuple(visible(line) for line in text.split("\n"))
