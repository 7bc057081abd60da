"""Who was made with which CreateGuid, and who is still being made ([MS-SMB2] 3.3.5.9, 3.3.5.9.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.open import Open

Key: TypeAlias = tuple[bytes, bytes]
"""ClientGuid and CreateGuid."""


class CreateGuidTable:
    """An index of GlobalOpenTable by CreateGuid, and the CREATEs that wait."""

    def __init__(self) -> None:
        self._opens: dict[bytes, list[Open]] = {}
        self._pending: dict[Key, Attempt] = {}

    def enter(self, open_: Open) -> None:
        """List an open under its CreateGuid."""
        if open_.create_guid is not None:
            self._opens.setdefault(open_.create_guid, []).append(open_)

    def forget(self, open_: Open) -> None:
        """Take an open out that is being closed."""
        opens = self._opens.get(open_.create_guid or b"", [])
        if open_ in opens:
            opens.remove(open_)
        if open_.create_guid is not None and not opens:
            self._opens.pop(open_.create_guid, None)

    def find_eligible(self, client_guid: bytes, create_guid: bytes) -> Open | None:
        """The open of this client and CreateGuid whose IsReplayEligible is TRUE."""
        for open_ in self._opens.get(create_guid, ()):
            if open_.is_replay_eligible and open_.client_guid == client_guid:
                return open_
        return None

    def find_persistent(self, create_guid: bytes) -> Open | None:
        """The persistent open of this CreateGuid, whoever made it."""
        for open_ in self._opens.get(create_guid, ()):
            if open_.is_persistent:
                return open_
        return None

    def begin(self, key: Key, attempt: Attempt) -> None:
        """Remember a CREATE that waits for a break; what was answered meanwhile is dropped."""
        self._pending = {one: other for one, other in self._pending.items() if not other.request.is_done}
        self._pending.setdefault(key, attempt)

    def pending(self, key: Key) -> Attempt | None:
        """The CREATE of this CreateGuid that still waits."""
        found = self._pending.get(key)
        return None if found is None or found.request.is_done else found
