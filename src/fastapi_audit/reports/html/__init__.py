"""The scorecard as one HTML file: no network, no inline style, and nothing of the project can run in it."""

import base64
import hashlib
import json
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from fastapi_audit import __version__
from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.html.charts import curve, gauge, histogram
from fastapi_audit.reports.html.text import documented, prose
from fastapi_audit.reports.html.view import View
from fastapi_audit.reports.json import scorecard_document

TEMPLATES = files(__name__) / "templates"


def render(material: Material, _look: Look) -> str:
    """The page; the same scorecard gives the same bytes."""
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, documented=documented)
    environment.globals.update(gauge=gauge, histogram=histogram, curve=curve)
    style, script = _resource("report.css"), _resource("report.js")
    return environment.get_template("report.html.j2").render(
        view=View(material),
        version=__version__,
        # Ours, and the only two that the policy lets in.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
        download=_download(material),
    )


def _resource(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, sent or run but these two texts."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _download(material: Material) -> str:
    """The JSON scorecard as an address, so that it can be saved without JavaScript."""
    document = json.dumps(scorecard_document(material), separators=(",", ":"))
    return f"data:application/json;base64,{base64.b64encode(document.encode()).decode()}"
