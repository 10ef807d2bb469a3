"""The score as a small picture, for a README that asks no service for it."""

from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.badge import LABEL, colour, message

HEX = {
    "brightgreen": "#2ea44f",
    "green": "#4c8c2b",
    "yellowgreen": "#7a8a12",
    "yellow": "#9a7b00",
    "orange": "#b8590a",
    "red": "#c9302c",
    "lightgrey": "#6e7781",
}
"""Dark enough for white letters."""

CHARACTER = 7
"""Pixels that a character of the font takes, about."""
MARGIN = 10


def render(material: Material, _look: Look) -> str:
    """One SVG element; nothing of the audited project stands in it."""
    said, paint = message(material.scorecard), HEX[colour(material.scorecard)]
    left, right = (len(text) * CHARACTER + MARGIN for text in (LABEL, said))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{LABEL}: {said}">
  <title>{LABEL}: {said}</title>
  <rect width="{left + right}" height="20" rx="3" fill="#424a53"/>
  <path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" fill="{paint}"/>
  <g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{left / 2}" y="14">{LABEL}</text>
    <text x="{left + right / 2}" y="14">{said}</text>
  </g>
</svg>
"""
