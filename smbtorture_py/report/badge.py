"""An SVG badge: what the gate says, in a few words and a colour."""

from __future__ import annotations

from html import escape
from typing import Final

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.gate import Gate

LABEL: Final = "SMB conformance"
_COLOURS: Final = {ExitCode.FINE: "#2e7d32", ExitCode.REGRESSIONS: "#c62828"}
_OTHER: Final = "#8d6e00"
_CHARACTER: Final = 6.6
"""Width of a character of 11 px Verdana, on average."""
_MARGIN: Final = 10
_HEIGHT: Final = 20


def badge(gate: Gate) -> str:
    """Return the SVG: how many pass of those that were judged, and what is in the way."""
    return draw(LABEL, _message(gate), _COLOURS.get(gate.code, _OTHER))


def _message(gate: Gate) -> str:
    counts = gate.counts
    passed = counts["pass"] + counts["warn"]
    judged = passed + counts["fail"] + counts["timeout"] + counts["crash"] + counts["error"]
    words = [f"{passed} of {judged} pass"]
    if gate.known:
        words.append(f"{gate.known} known")
    if not gate.is_open:
        words.append(gate.code.name.lower().replace("_", " "))
    return ", ".join(words)


def draw(label: str, message: str, colour: str) -> str:
    """Return a badge of two boxes."""
    left, right = (round(len(text) * _CHARACTER) + 2 * _MARGIN for text in (label, message))
    title = escape(f"{label}: {message}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{title}"><title>{title}</title>'
        f'<rect width="{left + right}" height="{_HEIGHT}" rx="3" fill="#444"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v{_HEIGHT - 6}a3 3 0 0 1-3 3H{left}z" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2}" y="14">{escape(message)}</text></g></svg>\n'
    )
