"""A CREATE under way: what its phases hand on to each other ([MS-SMB2] 3.3.5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smbtorture_py.wire.create import OplockLevel

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.break_wait import BreakWait
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.path_name import PathName
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.storage import Storage
    from smbtorture_py.wire.create import CreateRequest


@dataclass(slots=True)
class Attempt:
    """A CREATE under way: what its request comes to. A waiting one is attempted anew once a break has
    ended."""

    request: Request
    body: CreateRequest
    contexts: CreateContexts
    path_name: PathName
    storage: Storage
    desired_access: int = 0
    """From here on: as the "Open Execution" phase has made them of the request's."""
    share_access: int = 0
    create_options: int = 0
    oplock_level: OplockLevel = OplockLevel.NONE
    break_wait: BreakWait | None = None
    """Since it has had to wait."""
    waits_for_share_mode: bool = False
    """What it waits for is a break that could end a conflict of share modes."""

    @property
    def asked(self) -> tuple[int, int, int]:
        """CreateOptions, DesiredAccess and ShareAccess as they were received."""
        return int(self.body.create_options), int(self.body.desired_access), int(self.body.share_access)
