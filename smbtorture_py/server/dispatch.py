"""`HANDLERS`: which function processes which command, and what is verified before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.server.handlers import (
    change_notify,
    close,
    create,
    echo,
    flush,
    ioctl,
    lock,
    logoff,
    negotiate,
    oplock_break,
    query_directory,
    query_info,
    read,
    session_setup,
    set_info,
    tree_connect,
    tree_disconnect,
    write,
)
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import SmbtortureFsctl

if TYPE_CHECKING:
    from smbtorture_py.server.request import Outcome, Request
    from smbtorture_py.server.server import Server

Handle: TypeAlias = "Callable[[Server, Request, float], Outcome]"


class Needs(Enum):
    """What the pipeline verifies before it calls a handler."""

    NOTHING = auto()
    SESSION = auto()
    """A session of this connection (3.3.5.2.9)."""
    TREE = auto()
    """A session and a tree connect of it (3.3.5.2.11)."""


@dataclass(slots=True, frozen=True)
class Handler:
    """The function for one command, and what must be verified first."""

    handle: Handle
    needs: Needs = Needs.TREE


HANDLERS: Final[dict[Command, Handler]] = {
    Command.NEGOTIATE: Handler(negotiate.handle, Needs.NOTHING),
    Command.SESSION_SETUP: Handler(session_setup.handle, Needs.NOTHING),
    Command.LOGOFF: Handler(logoff.handle, Needs.SESSION),
    Command.TREE_CONNECT: Handler(tree_connect.handle, Needs.SESSION),
    Command.TREE_DISCONNECT: Handler(tree_disconnect.handle),
    Command.IOCTL: Handler(ioctl.handle),
    Command.CREATE: Handler(create.handle),
    Command.CLOSE: Handler(close.handle),
    Command.FLUSH: Handler(flush.handle),
    Command.READ: Handler(read.handle),
    Command.WRITE: Handler(write.handle),
    Command.LOCK: Handler(lock.handle),
    Command.QUERY_DIRECTORY: Handler(query_directory.handle),
    Command.CHANGE_NOTIFY: Handler(change_notify.handle),
    Command.QUERY_INFO: Handler(query_info.handle),
    Command.SET_INFO: Handler(set_info.handle),
    Command.OPLOCK_BREAK: Handler(oplock_break.handle),
    Command.ECHO: Handler(echo.handle, Needs.NOTHING),
}
"""By command."""


def needs_of(request: Request) -> Needs:
    """What must be verified before a request's handler is called."""
    body = request.body
    if isinstance(body, IoctlRequest) and body.ctl_code == SmbtortureFsctl.FORCE_UNACKED_TIMEOUT:
        # smbtorture blocks channels without a session (where it may).
        configured = request.connection.server.config.smbtorture_controls
        return Needs.NOTHING if configured else Needs.TREE
    return HANDLERS[request.command].needs
