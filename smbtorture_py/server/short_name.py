"""8.3 names, made from long ones ([MS-FSCC] 2.1.5.2.1)."""

from __future__ import annotations

import zlib
from typing import Final

from smbtorture_py.server.storage import fold

_BASE_LENGTH: Final = 8
_EXTENSION_LENGTH: Final = 3
_KEPT_OF_BASE: Final = 4
_DIGITS: Final = 3
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEGAL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")


def is_short(name: str) -> bool:
    """Tell whether a name is an 8.3 name already, case aside."""
    base, dot, extension = fold(name).partition(".")
    if not 0 < len(base) <= _BASE_LENGTH or (dot and not 0 < len(extension) <= _EXTENSION_LENGTH):
        return False
    return set(base + extension) <= _LEGAL


def short_name(name: str) -> str:
    """Return the 8.3 name of a name: itself in upper case, or one made of its letters and a checksum of
    it."""
    folded = fold(name)
    if is_short(name):
        return folded
    base, _, extension = folded.rpartition(".") if "." in folded.strip(".") else (folded, "", "")
    number = zlib.crc32(folded.encode("utf-16-le", "surrogatepass"))
    digits = ""
    for _ in range(_DIGITS):
        number, index = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[index]
    kept = "".join(char for char in base if char in _LEGAL)[:_KEPT_OF_BASE]
    suffix = "".join(char for char in extension if char in _LEGAL)[:_EXTENSION_LENGTH]
    return f"{kept}~{digits}" + (f".{suffix}" if suffix else "")
