"""CANCEL ([MS-SMB2] 3.3.5.16)."""

from __future__ import annotations

from smbtorture_py.server import verification
from smbtorture_py.server.request import Request
from smbtorture_py.wire.header import HeaderFlags


def handle(request: Request, now: float) -> None:
    """Cancel the request this one means; a CANCEL itself is never answered."""
    connection = request.connection
    policy = connection.server.policies.asynchronous
    # 3.3.5.2.4
    is_signed = request.header.has(HeaderFlags.SIGNED)
    if (is_signed or policy.unsigned_cancel_is_refused(request)) and verification.verify_signature(
        request, now
    ):
        return
    # A signed CANCEL must be of a session of this connection.
    if is_signed and verification.verify_session(request, now):
        return
    target = policy.find_target(connection, request.header)
    if target is None or target.on_cancel is None or target.is_done or not policy.cancels(target):
        return
    target.on_cancel(now)
