"""Where encrypted requests are sent: sessions with keys, and the headers that came with the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.lab import Lab, LabConnection
from smbtorture_py.wire.header import Header
from smbtorture_py.wire.transform import TransformHeader

KEY_SIZE: Final = 16
NONCE: Final = slice(20, 36)
"""Where the Nonce field of a TRANSFORM_HEADER is ([MS-SMB2] 2.2.41)."""


def collect(connection: LabConnection) -> list[TransformHeader]:
    """Return a list that gets the TRANSFORM_HEADER of every encrypted message the connection receives."""
    headers: list[TransformHeader] = []
    connection.core.transform_tap = lambda header, size: headers.append(header)  # noqa: ARG005
    return headers


def victim(lab: Lab) -> LabConnection:
    """Return a new connection that the server is to close; the session of the case is on another one."""
    connection = lab.connect()
    connection.may_be_lost = True
    return connection


def sealed_header(**fields: object) -> Tamper:
    """Set fields of the TRANSFORM_HEADER under a tag that is right, by their names in
    `wire.transform.TransformHeader`.
    """

    def change(header: TransformHeader) -> None:
        for name, value in fields.items():
            setattr(header, name, value)

    return Tamper(transform=change)


def plain_header(**fields: object) -> Tamper:
    """Set fields of the SMB2 header inside, by their names in `wire.header.Header`."""

    def change(header: Header) -> None:
        for name, value in fields.items():
            setattr(header, name, value)

    return Tamper(header=change)


def plain(change: Callable[[bytearray], None]) -> Tamper:
    """Change the message inside before it is encrypted."""
    return Tamper(signed=change)


def sealed(change: Callable[[bytearray], None]) -> Tamper:
    """Change the message after it was encrypted."""
    return Tamper(encrypted=change)
