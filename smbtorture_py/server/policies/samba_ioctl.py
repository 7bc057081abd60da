"""Where Samba differs from the specification around IOCTL, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.policies.ioctl import InterfacePolicy, IoctlPolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.request import Request


def _unsupported(request: Request) -> Status:
    """What a code fails with that Samba does not know, or has switched off: the status depends on the
    share."""
    tree = request.tree_connect
    on_pipes = tree is not None and tree.share.is_pipe
    return Status.FS_DRIVER_REQUIRED if on_pipes else Status.INVALID_DEVICE_REQUEST


class SambaIoctlPolicy(IoctlPolicy):
    """IOCTL in general as Samba does it."""

    def unknown_code_status(self, request: Request, ctl_code: int) -> Status:
        """No difference between what is not allowed and what is not supported."""
        del ctl_code
        return _unsupported(request)


class SambaInterfacePolicy(InterfacePolicy):
    """Queries for interfaces as Samba answers them."""

    def not_multichannel_status(self, request: Request) -> Status:
        """The configuration decides, whatever was negotiated; switched off, the status depends on the
        share."""
        if request.connection.server.config.multichannel:
            return Status.SUCCESS
        return _unsupported(request)

    def input_status(self) -> Status:
        """Input is refused."""
        return Status.INVALID_PARAMETER
