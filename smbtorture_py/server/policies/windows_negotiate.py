"""Where Windows Server is documented to differ in negotiations ([MS-SMB2] appendix A)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.wire.negotiate import NegotiateRequest

_MOST_DIALECTS: Final = 64


class WindowsNegotiatePolicy(NegotiatePolicy):
    """Negotiations as Windows does."""

    def fields_status(self, body: NegotiateRequest) -> Status:
        """Reserved has to be zero (note 9), and there may be 64 dialects (note 8)."""
        if body.reserved:
            return Status.NOT_SUPPORTED
        return Status.INVALID_PARAMETER if body.dialect_count > _MOST_DIALECTS else Status.SUCCESS
