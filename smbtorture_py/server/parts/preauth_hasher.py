"""PreauthHasher: which messages go into which preauthentication integrity hash ([MS-SMB2] 3.3.5.4,
3.3.5.5.3)."""

from __future__ import annotations

from collections.abc import Sequence

from smbtorture_py.crypto.preauth import PreauthIntegrityHash
from smbtorture_py.wire.codec import Buffer


class PreauthHasher:
    """One method per message that counts; a message that does not count (the final SESSION_SETUP response)
    has none."""

    def start(self) -> PreauthIntegrityHash:
        """Connection.PreauthIntegrityHashValue before any message: zeros (3.3.5.4)."""
        return PreauthIntegrityHash()

    def negotiate_request(self, value: PreauthIntegrityHash, message: Buffer) -> None:
        """Take the NEGOTIATE request in (3.3.5.4)."""
        value.update(message)

    def negotiate_response(self, value: PreauthIntegrityHash, parts: Sequence[Buffer]) -> None:
        """Take the NEGOTIATE response in (3.3.5.4)."""
        value.update(parts)

    def start_session(self, connection_value: PreauthIntegrityHash) -> PreauthIntegrityHash:
        """Session.PreauthIntegrityHashValue of a new session: a copy of the connection's (3.3.5.5.1)."""
        return connection_value.copy()

    def start_bind(self, connection_value: PreauthIntegrityHash) -> PreauthIntegrityHash:
        """PreauthSession.PreauthIntegrityHashValue of a bind: a copy of the new connection's (3.3.5.5)."""
        return connection_value.copy()

    def session_setup_request(self, value: PreauthIntegrityHash, message: Buffer) -> None:
        """Take a SESSION_SETUP request in, the final one included (3.3.5.5.3)."""
        value.update(message)

    def session_setup_response(self, value: PreauthIntegrityHash, parts: Sequence[Buffer]) -> None:
        """Take a SESSION_SETUP response in that asks for more; the final one does not count (3.3.5.5.3)."""
        value.update(parts)
