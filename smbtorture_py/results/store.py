"""Where records go: one file, one writer, each record flushed before the next."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from smbtorture_py.results.located_yaml import ConfigurationError, Problem
from smbtorture_py.results.records import Record, to_json


def check_writable(path: Path) -> None:
    """Make the folder of `path` and see that the file can be written; raises ConfigurationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        problem = Problem(str(path), 0, "", f"records cannot be written here: {error.strerror}")
        raise ConfigurationError([problem]) from None


class RecordWriter:
    """Writes records to a file that it creates anew, together with its folder."""

    __slots__ = ("_file", "path")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: TextIO = path.open("w", encoding="utf-8", newline="\n")

    def write(self, record: Record) -> None:
        """Write one line and hand it to the operating system, so that what was recorded survives our own
        death.
        """
        self._file.write(to_json(record) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
