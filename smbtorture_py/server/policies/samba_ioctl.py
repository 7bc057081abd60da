"""Where Samba differs from the specification around IOCTL, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.policies.ioctl import InterfacePolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.request import Request


class SambaInterfacePolicy(InterfacePolicy):
    """Queries for interfaces as Samba answers them."""

    def not_multichannel_status(self, request: Request) -> Status:
        """The configuration decides, whatever was negotiated; switched off, the status depends on the
        share."""
        if request.connection.server.config.multichannel:
            return Status.SUCCESS
        tree = request.tree_connect
        on_pipes = tree is not None and tree.share.is_pipe
        return Status.FS_DRIVER_REQUIRED if on_pipes else Status.INVALID_DEVICE_REQUEST

    def input_status(self) -> Status:
        """Input is refused."""
        return Status.INVALID_PARAMETER
