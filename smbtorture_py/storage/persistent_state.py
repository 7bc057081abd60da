"""Where records of persistent opens are kept: in memory for as long as a process lives, or in a folder.

A folder holds one file for each open, named by its DurableFileId as 16 hexadecimal digits and `.json`: the
fields of `PersistentOpen` under their names, bytes as `{"hex": "..."}`. A file is written beside its place,
flushed, and moved there, so that it is whole whenever the server ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from smbtorture_py.server.persistent_state import PersistentOpen

_RECORD: Final = TypeAdapter(PersistentOpen)
_ENDING: Final = ".json"
_BYTES_KEY: Final = "hex"


class StateError(Exception):
    """A record cannot be read; the text names its file and says why."""


class MemoryPersistentState:
    """Records that outlive a server, but not the process."""

    def __init__(self) -> None:
        self._records: dict[int, PersistentOpen] = {}

    def load(self) -> Sequence[PersistentOpen]:
        """Return every record, oldest first."""
        return list(self._records.values())

    def store(self, record: PersistentOpen) -> None:
        """Keep a record."""
        self._records[record.durable_file_id] = record

    def remove(self, durable_file_id: int) -> None:
        """Forget a record."""
        self._records.pop(durable_file_id, None)


class FolderPersistentState:
    """Records in a folder of the host, which must exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> Sequence[PersistentOpen]:
        """Return every record, by id. Raises StateError, and OSError where the folder cannot be read."""
        return [_read(path) for path in sorted(self._folder.glob(f"*{_ENDING}"))]

    def store(self, record: PersistentOpen) -> None:
        """Keep a record on disk. Raises OSError."""
        place = self._place(record.durable_file_id)
        beside = place.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(record), file, default=_plain, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
        self._flush_folder()

    def remove(self, durable_file_id: int) -> None:
        """Forget a record. Raises OSError."""
        self._place(durable_file_id).unlink(missing_ok=True)
        self._flush_folder()

    def _place(self, durable_file_id: int) -> Path:
        return self._folder / f"{durable_file_id:016x}{_ENDING}"

    def _flush_folder(self) -> None:
        """Make names that have come and gone durable too, where folders can be opened for that."""
        if os.name != "posix":
            return
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> PersistentOpen:
    try:
        record = _RECORD.validate_python(json.loads(path.read_text(encoding="utf-8"), object_hook=_typed))
    except (ValueError, ValidationError) as error:
        raise StateError(f"{path} is no record of a persistent open: {error}") from None
    return record


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {_BYTES_KEY: value.hex()}
    raise TypeError(f"a record has no {type(value).__name__}")


def _typed(entry: dict[str, object]) -> object:
    digits = entry.get(_BYTES_KEY)
    return bytes.fromhex(digits) if len(entry) == 1 and isinstance(digits, str) else entry
