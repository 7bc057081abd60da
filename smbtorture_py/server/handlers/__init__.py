"""One module per command; `HANDLERS` is the table the pipeline dispatches by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.server.handlers import (
    echo,
    ioctl,
    logoff,
    negotiate,
    session_setup,
    tree_connect,
    tree_disconnect,
)
from smbtorture_py.wire.header import Command

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
    Command.ECHO: Handler(echo.handle, Needs.NOTHING),
}
"""By command; file handlers are entered here as well."""
