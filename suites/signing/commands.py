"""One correct request of every command, for cases about how requests are protected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias, Unpack

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab import LabOpen, LabSession, LabTree, Sending
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import CreateDisposition
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode

DATA: Final = b"what the file holds"


@dataclass(slots=True)
class Place:
    """A session with a tree, a file that holds `DATA`, and a directory."""

    session: LabSession
    tree: LabTree
    file: LabOpen
    directory: LabOpen


def place(session: LabSession, tree: LabTree | None = None) -> Place:
    """Make what the requests of every command need; blocks the case where that fails."""
    used = tree or session.tree()
    file = used.open()
    file.write(DATA).required()
    return Place(session, used, file, used.directory())


Request: TypeAlias = Callable[..., Answer]
"""Takes a Place and how to send; sends a request that succeeds and returns its answer."""


def echo(at: Place, **how: Unpack[Sending]) -> Answer:
    """ECHO."""
    return at.session.send(EchoRequest(), **how)


def logoff(at: Place, **how: Unpack[Sending]) -> Answer:
    """LOGOFF, which ends the session."""
    return at.session.logoff(**how)


def tree_connect(at: Place, **how: Unpack[Sending]) -> Answer:
    """TREE_CONNECT to the share once more."""
    return at.session.tree_connect(at.tree.share, **how)


def tree_disconnect(at: Place, **how: Unpack[Sending]) -> Answer:
    """TREE_DISCONNECT of the tree, which closes its opens."""
    return at.tree.disconnect(**how)


def create(at: Place, **how: Unpack[Sending]) -> Answer:
    """CREATE of a new file."""
    return at.tree.create(**how)


def close(at: Place, **how: Unpack[Sending]) -> Answer:
    """CLOSE of the file."""
    return at.file.close(**how)


def flush(at: Place, **how: Unpack[Sending]) -> Answer:
    """FLUSH of the file."""
    return at.file.flush(**how)


def read(at: Place, **how: Unpack[Sending]) -> Answer:
    """READ of all of the file."""
    return at.file.read(**how)


def write(at: Place, **how: Unpack[Sending]) -> Answer:
    """WRITE over the start of the file."""
    return at.file.write(DATA.upper(), **how)


def lock(at: Place, **how: Unpack[Sending]) -> Answer:
    """LOCK of one byte."""
    return at.file.lock(**how)


def ioctl(at: Place, **how: Unpack[Sending]) -> Answer:
    """IOCTL with FSCTL_SRV_REQUEST_RESUME_KEY."""
    return at.file.ioctl(FsctlCode.SRV_REQUEST_RESUME_KEY, **how)


def query_directory(at: Place, **how: Unpack[Sending]) -> Answer:
    """QUERY_DIRECTORY of the new directory."""
    return at.directory.query_directory(**how)


def query_info(at: Place, **how: Unpack[Sending]) -> Answer:
    """QUERY_INFO of the file."""
    return at.file.query_info(InfoType.FILE, FileInformationClass.FILE_STANDARD_INFORMATION, **how)


def set_info(at: Place, **how: Unpack[Sending]) -> Answer:
    """SET_INFO of the file's size."""
    return at.file.set_info(InfoType.FILE, FileInformationClass.FILE_END_OF_FILE_INFORMATION, bytes(8), **how)


COMMANDS: Final[Mapping[str, Request]] = MappingProxyType(
    {
        "ECHO": echo,
        "TREE_CONNECT": tree_connect,
        "CREATE": create,
        "CLOSE": close,
        "FLUSH": flush,
        "READ": read,
        "WRITE": write,
        "LOCK": lock,
        "IOCTL": ioctl,
        "QUERY_DIRECTORY": query_directory,
        "QUERY_INFO": query_info,
        "SET_INFO": set_info,
        "TREE_DISCONNECT": tree_disconnect,
        "LOGOFF": logoff,
    }
)
"""By the name of the command: all that are answered at once and need neither an oplock nor a new logon."""

ON_TREE: Final = tuple(name for name in COMMANDS if name not in ("ECHO", "TREE_CONNECT", "LOGOFF"))
"""The commands that carry a TreeId."""


def missing_file(at: Place, **how: Unpack[Sending]) -> Answer:
    """CREATE that opens a file which is not there: fails."""
    return at.tree.create(create_disposition=CreateDisposition.OPEN, **how)


def watch(at: Place, **how: Unpack[Sending]) -> Answer:
    """CHANGE_NOTIFY of the directory, which stays pending: waits for the interim response only."""
    how["wait"] = False
    answer = at.directory.change_notify(CompletionFilter.FILE_NAME, **how)
    answer.wait_pending()
    return answer


def held_up(at: Place, **how: Unpack[Sending]) -> tuple[Answer, LabOpen]:
    """LOCK of a byte that another open has locked, which stays pending: returns its answer and that open."""
    holder = at.tree.open(at.file.core.file_name)
    holder.lock().required()
    how["wait"] = False
    answer = at.file.lock(fail_immediately=False, **how)
    answer.wait_pending()
    return answer, holder
