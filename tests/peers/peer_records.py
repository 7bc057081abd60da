"""What a run of the peers leaves: one JSON line for each thing a peer did, and the peers' own output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

RECORDS: Final = "records.jsonl"


@dataclass(slots=True, frozen=True, kw_only=True)
class PeerRecord:
    """One test of a peer's suite, or one journey of a peer's client."""

    peer: str
    version: str
    policy: str
    area: str
    """The suite, or the storage served."""
    name: str
    outcome: str
    """`pass`, `fail`, `skip` or `error`."""
    reason: str = ""
    size: int = 0
    """Bytes of the largest file of a journey."""
    seconds: float = 0.0


@dataclass(slots=True, frozen=True)
class Recorder:
    """Writes records of one run into a folder."""

    folder: Path

    def add(self, record: PeerRecord) -> None:
        """Append a record."""
        with (self.folder / RECORDS).open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")

    def keep(self, name: str, text: str) -> None:
        """Keep a peer's own output."""
        (self.folder / name).write_text(text, encoding="utf-8")


def read_records(folder: Path) -> list[PeerRecord]:
    """Read what a run left."""
    lines = (folder / RECORDS).read_text(encoding="utf-8").splitlines()
    return [PeerRecord(**json.loads(line)) for line in lines]
