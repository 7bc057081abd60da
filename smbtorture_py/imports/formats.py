"""Which format a file is in, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from smbtorture_py.imports import junit, smbtorture, trx
from smbtorture_py.imports.outside import OutsideRun
from smbtorture_py.imports.xml_text import local_name, parse

READERS: Final[dict[str, Callable[[str, str], OutsideRun]]] = {
    "smbtorture": smbtorture.read,
    "trx": trx.read,
    "junit": junit.read,
}


def format_of(text: str) -> str:
    """Return the format's name; raises NotReadable for XML that is none."""
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return "smbtorture"
    return "trx" if local_name(parse(text.lstrip("\ufeff"))) == trx.ROOT else "junit"


def read(text: str, format_name: str | None = None, group: str = "") -> OutsideRun:
    """Read a text in the format it is in, or is said to be in; raises NotReadable."""
    text = text.lstrip("\ufeff")
    return READERS[format_name or format_of(text)](text, group)
