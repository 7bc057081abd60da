"""Which Samba is run: the one of the distribution, a build of one's own, or another version's packages."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from smbtorture_py.targets.errors import TargetError

PATHS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for inside a root."""

MOUNT_POINT: Final = "/tmp"  # of the root, in our own mount namespace: nobody else sees it
"""Where a Samba that has a root sees the private directory."""

ACCOUNT_FILES: Final = ("passwd", "group")
_HERE: Final = (
    'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && shift && exec "$@"'
)
_IN_ROOT: Final = (
    'mount --rbind /dev "$2/dev" && mount -t proc proc "$2/proc"'
    ' && mount --bind "$1/passwd" "$2/etc/passwd" && mount --bind "$1/group" "$2/etc/group"'
    ' && mount --bind "$1" "$2$3" && PATH=$4 && export PATH && root=$2 && shift 4 && exec chroot "$root" "$@"'
)


@dataclass(slots=True, frozen=True)
class SambaInstallation:
    """The programs of one Samba; `root` is the directory tree that holds it, None for the system itself.

    Commands are run in a mount namespace of their own, in which the private accounts exist. `target` is what
    messages name.
    """

    target: str
    smbd: str
    smbpasswd: str
    """Empty for the one that belongs to `smbd`."""
    root: Path | None = None

    def version(self) -> str:
        """Return what smbd says its version is: `4.17.12-Debian`; raises TargetError."""
        if self.root is not None and not self.root.is_dir():
            raise TargetError(f"target {self.target}: {self.root} is not a directory")
        command = ["chroot", str(self.root)] if self.root is not None else []
        environment = None if self.root is None else {"PATH": PATHS}
        try:
            done = subprocess.run(
                [*command, self.smbd, "--version"],
                capture_output=True,
                text=True,
                check=False,
                env=environment,
            )
        except OSError:
            raise TargetError(f"target {self.target}: {self.smbd} is not installed (package samba)") from None
        numbers = re.search(r"\d+(\.\d+)+\S*", done.stdout)
        if numbers is None:
            said = (done.stdout + done.stderr).strip()
            raise TargetError(f"target {self.target}: {self._named(self.smbd)} --version says {said!r}")
        return numbers[0]

    def accounts(self, file: str) -> str:
        """Return the text of its `passwd` or `group`; raises TargetError."""
        path = Path(self.root or "/", "etc", file)
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise TargetError(f"target {self.target}: {path}: {error.strerror}") from None

    def path_of(self, directory: Path) -> PurePosixPath:
        """Return how this Samba sees the private directory."""
        return PurePosixPath(MOUNT_POINT if self.root is not None else directory)

    def start_command(self, directory: Path, *arguments: str) -> list[str]:
        """Return the command line of smbd."""
        return self._private(directory, self.smbd, *arguments)

    def add_command(self, directory: Path, *arguments: str) -> list[str]:
        """Return the command line of smbpasswd."""
        return self._private(directory, self.smbpasswd or self._beside(), *arguments)

    def _beside(self) -> str:
        """Return the smbpasswd of a build: beside smbd, or in `bin` where smbd is in `sbin`."""
        folder = PurePosixPath(self.smbd).parent
        if folder == PurePosixPath("."):
            return "smbpasswd"
        beside = folder / "smbpasswd"
        return str(beside if Path(self._named(str(beside))).exists() else folder.parent / "bin" / "smbpasswd")

    def _named(self, program: str) -> str:
        """Return a program of this Samba as it is called outside its root."""
        return program if self.root is None else str(self.root / program.lstrip("/"))

    def _private(self, directory: Path, *command: str) -> list[str]:
        """Return a command line that runs `command` where the private accounts exist."""
        shell = ["unshare", "--mount", "sh", "-c"]
        if self.root is not None:
            return [*shell, _IN_ROOT, "sh", str(directory), str(self.root), MOUNT_POINT, PATHS, *command]
        return [*shell, _HERE, "sh", str(directory), shutil.which(command[0]) or command[0], *command[1:]]
