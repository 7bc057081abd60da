"""From the name in a CREATE or a rename to a path within the share ([MS-FSCC] 2.1.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from smbtorture_py.server.storage import MAX_COMPONENT_LENGTH, Path, StorageError
from smbtorture_py.wire.status import Status

SEPARATOR: Final = "\\"
STREAM_SEPARATOR: Final = ":"
DATA_STREAM_TYPE: Final = "$DATA"
DIRECTORY_STREAM_TYPE: Final = "$INDEX_ALLOCATION"
DIRECTORY_STREAM_NAME: Final = "$I30"
MAX_PATH_LENGTH: Final = 32760
"""UTF-16 code units of a whole path ([MS-FSCC] 2.1.5)."""
MAX_CODE_UNIT: Final = 0xFFFF
_FIRST_PRINTABLE: Final = " "
_ILLEGAL_IN_NAMES: Final = frozenset('"*/:<>?|\\')
_ILLEGAL_IN_STREAM_NAMES: Final = frozenset("/:\\\0")
PARENT: Final = ".."
_DOTS: Final = frozenset({".", PARENT})


@dataclass(slots=True, frozen=True)
class PathName:
    """A name taken apart: the path of the file, and the stream ("" for the default one)."""

    path: Path
    stream: str = ""
    names_data: bool = False
    """The stream type $DATA was given: the name cannot be that of a directory."""
    names_directory: bool = False
    """The stream type $INDEX_ALLOCATION was given, or a separator at the end: it must be a directory."""


def _length(text: str) -> int:
    return len(text) + sum(ord(char) > MAX_CODE_UNIT for char in text)


def check_component(name: str) -> None:
    """Raise StorageError(OBJECT_NAME_INVALID) for what cannot be the name of a file ([MS-FSCC] 2.1.5.2)."""
    if not 0 < _length(name) <= MAX_COMPONENT_LENGTH:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if any(char < _FIRST_PRINTABLE or char in _ILLEGAL_IN_NAMES for char in name):
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if name in _DOTS:
        raise StorageError(Status.OBJECT_NAME_INVALID)


def refuse_dots(components: Sequence[str]) -> list[str]:
    """Take "." and ".." for names, which they cannot be. Raises StorageError(OBJECT_NAME_INVALID)."""
    del components
    raise StorageError(Status.OBJECT_NAME_INVALID)


def remove_dots(components: Sequence[str], status_outside: Status) -> list[str]:
    """Remove "." components, and ".." with the one before it. Raises StorageError(status_outside) where that
    would leave the share."""
    kept: list[str] = []
    for component in components:
        if component == PARENT:
            if not kept:
                raise StorageError(status_outside)
            kept.pop()
        elif component not in _DOTS:
            kept.append(component)
    return kept


def parse(name: str, *, resolve_dots: Callable[[Sequence[str]], list[str]] = refuse_dots) -> PathName:
    """Take a name relative to the share apart ([MS-FSCC] 2.1.5.1, 2.1.5.3); no separator in front.

    Raises StorageError: INVALID_PARAMETER for a separator in front, OBJECT_NAME_INVALID for everything else
    that is no name. `resolve_dots` gets the components where some are "." or "..", and returns others or
    raises ([MS-SMB2] 3.3.5.9).
    """
    if name.startswith(SEPARATOR):
        raise StorageError(Status.INVALID_PARAMETER)
    if _length(name) > MAX_PATH_LENGTH:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if not name:
        return PathName(())
    components = name.split(SEPARATOR)
    names_directory = components[-1] == "" and len(components) > 1
    if names_directory:
        components.pop()
    components[-1], stream, names_data, is_index = _split_stream(components[-1])
    if any(component in _DOTS for component in components):
        components = resolve_dots(components) or [""]
    if len(components) == 1 and components[0] == "":
        # ":stream" names a stream of the root directory.
        return PathName((), stream, names_data, names_directory or is_index)
    for component in components:
        check_component(component)
    return PathName(tuple(components), stream, names_data, names_directory or is_index)


def parse_stream(name: str) -> str:
    """Take ":stream" or ":stream:$DATA" apart, as a rename gives it; "" for "::$DATA"."""
    base, stream, _, is_index = _split_stream(name)
    if base or is_index:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    return stream


def _split_stream(component: str) -> tuple[str, str, bool, bool]:
    """Split "name:stream:type" into name, stream, whether $DATA and whether $INDEX_ALLOCATION was named."""
    parts = component.split(STREAM_SEPARATOR)
    base, rest = parts[0], parts[1:]
    if not rest:
        return base, "", False, False
    stream = rest[0]
    stream_type = rest[1].upper() if len(rest) > 1 else DATA_STREAM_TYPE
    if len(rest) > len(("stream", "type")):
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if stream_type == DIRECTORY_STREAM_TYPE and stream.upper() in ("", DIRECTORY_STREAM_NAME):
        return base, "", False, True
    if stream_type != DATA_STREAM_TYPE or (stream == "" and len(rest) == 1):
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if _length(stream) > MAX_COMPONENT_LENGTH or any(char in _ILLEGAL_IN_STREAM_NAMES for char in stream):
        raise StorageError(Status.OBJECT_NAME_INVALID)
    return base, stream, True, False
