"""Search patterns of a directory enumeration ([MS-FSCC] 2.1.4)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.server.storage import fold

MATCH_ALL: Final = "*"
DOS_STAR: Final = "<"
DOS_QM: Final = ">"
DOS_DOT: Final = '"'


def matches(pattern: str, name: str) -> bool:
    """Tell whether a name is in an expression, case ignored ([MS-FSCC] 2.1.4.4).

    Runs in len(pattern) * len(name) steps whatever the pattern is.
    """
    if pattern in (MATCH_ALL, "*.*"):
        return True
    wanted, subject = fold(pattern), fold(name)
    last_dot = subject.rfind(".")
    # The positions of the pattern that can be reached after the part of the name that was read.
    reachable = _skip_empty(wanted, {0}, subject[:1])
    for index, char in enumerate(subject):
        following: set[int] = set()
        for position in reachable:
            if position < len(wanted):
                following |= _step(wanted[position], position, char, is_last_dot=index == last_dot)
        reachable = _skip_empty(wanted, following, subject[index + 1 : index + 2])
        if not reachable:
            return False
    return len(wanted) in reachable


def _step(symbol: str, position: int, char: str, *, is_last_dot: bool) -> set[int]:
    """Return where the pattern can be after one more character of the name."""
    if symbol == MATCH_ALL:
        return {position}
    if symbol == DOS_STAR:
        # Matches up to and including the final period, or to the end where there is none.
        return {position + 1} if is_last_dot else {position}
    if symbol == "?":
        return {position + 1}
    if symbol == DOS_QM:
        return set() if char == "." else {position + 1}
    if symbol == DOS_DOT:
        return {position + 1} if char == "." else set()
    return {position + 1} if symbol == char else set()


def _skip_empty(wanted: str, positions: set[int], following: str) -> set[int]:
    """Add the positions behind symbols that match nothing here; `following` is the next character, "" at the
    end."""
    reached = set(positions)
    for start in positions:
        position = start
        while position < len(wanted):
            symbol = wanted[position]
            is_empty = symbol in (MATCH_ALL, DOS_STAR)
            is_empty |= symbol == DOS_QM and following in ("", ".")
            is_empty |= symbol == DOS_DOT and following == ""
            if not is_empty:
                break
            position += 1
            reached.add(position)
    return reached
