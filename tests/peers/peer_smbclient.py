"""Samba's smbclient as a client of the share: one process for each step."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from peer_server import SHARE, Served, samba_client_configuration, samba_credentials
from peer_transfers import DIALECTS, Protection, TransferClient, TransferError, Variant

PROTOCOLS: Final = {
    "2.0.2": "SMB2_02",
    "2.1": "SMB2_10",
    "3.0": "SMB3_00",
    "3.0.2": "SMB3_02",
    "3.1.1": "SMB3_11",
}
SIGNING_ALGORITHMS: Final = ("HMAC-SHA256", "AES-128-CMAC", "AES-128-GMAC")
CIPHERS: Final = ("AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM")
PROTECTIONS: Final = {Protection.NONE: "off", Protection.SIGNED: "sign", Protection.ENCRYPTED: "encrypt"}
STEP_TIMEOUT: Final = 120
LEFT_OUT: Final[dict[Variant, str]] = {}
_ENTRY: Final = re.compile(r"^  (.+?)\s+[A-Z]*\s+(\d+)  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$")


def version() -> str:
    """Return smbclient's version."""
    said = subprocess.run(["smbclient", "--version"], capture_output=True, text=True, check=False).stdout
    return said.strip().removeprefix("Version ")


def variants() -> list[Variant]:
    """Return everything smbclient can do."""
    found = [Variant(dialect, Protection.NONE) for dialect in DIALECTS]
    found += [Variant(dialect, Protection.SIGNED) for dialect in DIALECTS[:-1]]
    found += [Variant(DIALECTS[-1], Protection.SIGNED, algorithm) for algorithm in SIGNING_ALGORITHMS]
    found += [Variant(dialect, Protection.ENCRYPTED) for dialect in ("3.0", "3.0.2")]
    found += [Variant(DIALECTS[-1], Protection.ENCRYPTED, cipher) for cipher in CIPHERS]
    return found


class SmbClient:
    """Runs smbclient with the settings that force a variant."""

    def __init__(self, served: Served, variant: Variant, folder: Path) -> None:
        protocol = PROTOCOLS[variant.dialect]
        options = {"client min protocol": protocol, "client max protocol": protocol}
        if variant.protection is Protection.SIGNED:
            options["client signing"] = "required"
            if variant.algorithm:
                options["client smb3 signing algorithms"] = variant.algorithm
        if variant.protection is Protection.ENCRYPTED and variant.algorithm:
            options["client smb3 encryption algorithms"] = variant.algorithm
        self._command = [
            "smbclient", f"//{served.hosts[0]}/{SHARE}", "-p", str(served.port),
            "-s", str(samba_client_configuration(folder, served.port, options)),
            "-A", str(samba_credentials(folder, served)),
            f"--client-protection={PROTECTIONS[variant.protection]}",
        ]  # fmt: skip

    def put(self, source: Path, name: str) -> None:
        """Copy a local file to the share."""
        self._run(f'put "{source}" "{name}"')

    def listing(self) -> dict[str, int]:
        """Return the files of the share's root and their sizes."""
        entries = (_ENTRY.match(line) for line in self._run("ls").splitlines())
        return {
            entry[1]: int(entry[2]) for entry in entries if entry is not None and entry[1] not in (".", "..")
        }

    def rename(self, old: str, new: str) -> None:
        """Rename a file of the share."""
        self._run(f'rename "{old}" "{new}"')

    def get(self, name: str, target: Path) -> None:
        """Copy a file of the share to a local one."""
        self._run(f'get "{name}" "{target}"')

    def delete(self, name: str) -> None:
        """Delete a file of the share."""
        self._run(f'del "{name}"')

    def _run(self, command: str) -> str:
        done = subprocess.run(
            [*self._command, "-c", command],
            capture_output=True, text=True, timeout=STEP_TIMEOUT, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        if done.returncode or "NT_STATUS_" in said:
            raise TransferError(f"smbclient: {command}: exit code {done.returncode}: {said.strip()}")
        return done.stdout


@contextmanager
def client(served: Served, variant: Variant, folder: Path) -> Iterator[TransferClient]:
    """Yield smbclient set to a variant."""
    yield SmbClient(served, variant, folder)
