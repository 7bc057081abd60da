"""The smbprotocol package as a client of the share."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Final

import smbclient
from peer_server import SHARE, Served
from peer_transfers import DIALECTS, MEBIBYTE, Protection, TransferClient, TransferError, Variant
from smbprotocol.connection import Ciphers, Connection, Dialects, SigningAlgorithms
from smbprotocol.session import Session

DIALECT_VALUES: Final = {
    "2.0.2": Dialects.SMB_2_0_2,
    "2.1": Dialects.SMB_2_1_0,
    "3.0": Dialects.SMB_3_0_0,
    "3.0.2": Dialects.SMB_3_0_2,
    "3.1.1": Dialects.SMB_3_1_1,
}
SIGNING_ALGORITHMS: Final = {
    "HMAC-SHA256": SigningAlgorithms.HMAC_SHA256,
    "AES-128-CMAC": SigningAlgorithms.AES_CMAC,
    "AES-128-GMAC": SigningAlgorithms.AES_GMAC,
}
CIPHERS: Final = {
    "AES-128-CCM": Ciphers.AES_128_CCM,
    "AES-128-GCM": Ciphers.AES_128_GCM,
    "AES-256-CCM": Ciphers.AES_256_CCM,
    "AES-256-GCM": Ciphers.AES_256_GCM,
}
TIMEOUT: Final = 60
LEFT_OUT: Final = {
    Variant("3.1.1", Protection.NONE): "its TREE_CONNECT is unsigned, which ends the connection (3.3.5.7)",
}


def version() -> str:
    """Return smbprotocol's version."""
    return package_version("smbprotocol")


def variants() -> list[Variant]:
    """Return everything smbprotocol can do."""
    found = [Variant(dialect, Protection.NONE) for dialect in DIALECTS[:-1]]
    found += [Variant(dialect, Protection.SIGNED) for dialect in DIALECTS[:-1]]
    found += [Variant(DIALECTS[-1], Protection.SIGNED, algorithm) for algorithm in SIGNING_ALGORITHMS]
    found += [Variant(dialect, Protection.ENCRYPTED) for dialect in ("3.0", "3.0.2")]
    found += [Variant(DIALECTS[-1], Protection.ENCRYPTED, cipher) for cipher in CIPHERS]
    return found


class SmbProtocol:
    """A session of the given variant under smbprotocol's file operations."""

    def __init__(self, served: Served, connection: Connection) -> None:
        host = served.hosts[0]
        self._root = rf"\\{host}\{SHARE}"
        self._options = {
            "username": served.user,
            "password": served.password,
            "port": served.port,
            "connection_cache": {f"{host}:{served.port}": connection},
        }

    def put(self, source: Path, name: str) -> None:
        """Copy a local file to the share."""
        with source.open("rb") as local, self._open(name, "wb") as remote:
            shutil.copyfileobj(local, remote, MEBIBYTE)

    def listing(self) -> dict[str, int]:
        """Return the files of the share's root and their sizes."""
        entries = smbclient.scandir(self._root, **self._options)
        return {entry.name: entry.smb_info.end_of_file for entry in entries}

    def rename(self, old: str, new: str) -> None:
        """Rename a file of the share."""
        smbclient.rename(self._path(old), self._path(new), **self._options)

    def get(self, name: str, target: Path) -> None:
        """Copy a file of the share to a local one."""
        with self._open(name, "rb") as remote, target.open("wb") as local:
            shutil.copyfileobj(remote, local, MEBIBYTE)

    def delete(self, name: str) -> None:
        """Delete a file of the share."""
        smbclient.remove(self._path(name), **self._options)

    def _path(self, name: str) -> str:
        return rf"{self._root}\{name}"

    def _open(self, name: str, mode: str):
        return smbclient.open_file(self._path(name), mode=mode, **self._options)


@contextmanager
def client(served: Served, variant: Variant, folder: Path) -> Iterator[TransferClient]:
    """Yield a session of this variant; raises TransferError where the server negotiated something else."""
    del folder
    signs = variant.protection is Protection.SIGNED
    encrypts = variant.protection is Protection.ENCRYPTED
    connection = Connection(uuid.uuid4(), served.hosts[0], served.port, require_signing=signs)
    ciphers = [CIPHERS[variant.algorithm]] if encrypts and variant.algorithm else None
    algorithms = [SIGNING_ALGORITHMS[variant.algorithm]] if signs and variant.algorithm else None
    connection.connect(
        dialect=DIALECT_VALUES[variant.dialect],
        timeout=TIMEOUT,
        preferred_encryption_algos=ciphers,
        preferred_signing_algos=algorithms,
    )
    try:
        session = Session(
            connection, served.user, served.password, require_encryption=encrypts, auth_protocol="ntlm"
        )
        session.connect()
        if ciphers is not None and connection.cipher_id != ciphers[0]:
            raise TransferError(f"the cipher is {connection.cipher_id}")
        if algorithms is not None and connection.signing_algorithm_id != algorithms[0]:
            raise TransferError(f"the signing algorithm is {connection.signing_algorithm_id}")
        if (session.signing_required, session.encrypt_data) != (signs, encrypts):
            raise TransferError(f"signed: {session.signing_required}, encrypted: {session.encrypt_data}")
        yield SmbProtocol(served, connection)
    finally:
        connection.disconnect()
