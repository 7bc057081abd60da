"""The keys to a capture, as Wireshark's table `smb2_seskey_list` reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

_SESSION_ID = struct.Struct("<Q")


@dataclass(slots=True, frozen=True)
class SessionSecrets:
    """The keys of one session; the session key (16 bytes) or both cipher keys (16 or 32 bytes) are enough."""

    session_id: int
    session_key: bytes = field(default=b"", repr=False)
    encryption_key_s2c: bytes = field(default=b"", repr=False)
    encryption_key_c2s: bytes = field(default=b"", repr=False)

    def line(self) -> str:
        """Return `sid,session key,server to client,client to server`: hex, the id in wire order."""
        columns = (self.session_key, self.encryption_key_s2c, self.encryption_key_c2s)
        return ",".join(
            [_SESSION_ID.pack(self.session_id).hex(), *(column.hex() or '""' for column in columns)]
        )


def key_file(secrets: Iterable[SessionSecrets]) -> str:
    """Return the text of a file `smb2_seskey_list`, one line for each session."""
    return "".join(f"{secret.line()}\n" for secret in secrets)


def decode_as_entries(ports: Iterable[int]) -> str:
    """Return the text of a file `decode_as_entries` that takes `ports` for Direct TCP (nbss)."""
    return "".join(f"decode_as_entry: tcp.port,{port},(none),NBSS\n" for port in sorted(set(ports)))
