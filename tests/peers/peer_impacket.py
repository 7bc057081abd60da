"""impacket's SMB client as a client of the share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Final

from impacket.smb3 import SMB3
from impacket.smbconnection import SMBConnection
from peer_server import SHARE, Served
from peer_transfers import DIALECTS, Protection, TransferClient, TransferError, Variant

DIALECT_VALUES: Final = {"2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302, "3.1.1": 0x0311}
LEFT_OUT: Final = {Variant("3.1.1", Protection.NONE): "impacket always signs with 3.1.1"}


def version() -> str:
    """Return impacket's version."""
    return package_version("impacket")


def variants() -> list[Variant]:
    """Return everything impacket can do.

    It signs where the server requires that, encrypts with AES-128-CCM wherever the server can, and with
    3.1.1 always signs: the server's settings choose.
    """
    unencrypted, signing = ("--encryption", "off"), ("--signing", "required")
    found = [Variant(dialect, Protection.NONE, server=unencrypted) for dialect in DIALECTS[:-1]]
    found += [Variant(dialect, Protection.SIGNED, server=unencrypted + signing) for dialect in DIALECTS]
    found += [Variant(dialect, Protection.ENCRYPTED) for dialect in DIALECTS[2:]]
    return found


class Impacket:
    """A logged-on connection of impacket's."""

    def __init__(self, connection: SMBConnection) -> None:
        self._connection = connection

    def put(self, source: Path, name: str) -> None:
        """Copy a local file to the share."""
        with source.open("rb") as local:
            self._connection.putFile(SHARE, name, local.read)

    def listing(self) -> dict[str, int]:
        """Return the files of the share's root and their sizes."""
        entries = self._connection.listPath(SHARE, "*")
        return {
            entry.get_longname(): entry.get_filesize()
            for entry in entries
            if entry.get_longname() not in (".", "..")
        }

    def rename(self, old: str, new: str) -> None:
        """Rename a file of the share."""
        self._connection.rename(SHARE, old, new)

    def get(self, name: str, target: Path) -> None:
        """Copy a file of the share to a local one."""
        with target.open("wb") as local:
            self._connection.getFile(SHARE, name, local.write)

    def delete(self, name: str) -> None:
        """Delete a file of the share."""
        self._connection.deleteFile(SHARE, name)


@contextmanager
def client(served: Served, variant: Variant, folder: Path) -> Iterator[TransferClient]:
    """Yield a session of this variant; raises TransferError where the server negotiated something else."""
    del folder
    host, dialect = served.hosts[0], DIALECT_VALUES[variant.dialect]
    inner = SMB3(host, host, sess_port=served.port, timeout=60, preferredDialect=dialect)
    connection = SMBConnection(existingConnection=inner)
    try:
        connection.login(served.user, served.password)
        if connection.getDialect() != dialect:
            raise TransferError(f"the dialect is {connection.getDialect():#06x}")
        yield Impacket(connection)
    finally:
        connection.close()
