"""Sending FSCTL_VALIDATE_NEGOTIATE_INFO as it should be, and otherwise ([MS-SMB2] 2.2.31.4)."""

from __future__ import annotations

from typing import Final, TypedDict, Unpack

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab import LabConnection, LabSession
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import ValidateNegotiateInfoRequest

OUTPUT_SIZE: Final = 24
"""Bytes of a VALIDATE_NEGOTIATE_INFO response ([MS-SMB2] 2.2.32.6)."""


class Sent(TypedDict, total=False):
    """How it is sent."""

    on: LabConnection
    max_output_response: int
    file_id: FileId
    sign: bool


def said(connection: LabConnection) -> ValidateNegotiateInfoRequest:
    """Return what the NEGOTIATE of a connection said."""
    core = connection.core
    return ValidateNegotiateInfoRequest(
        capabilities=core.client_capabilities,
        guid=core.client_guid,
        security_mode=core.client_security_mode,
        dialects=list(core.offered_dialects),
    )


def validate(
    session: LabSession, request: ValidateNegotiateInfoRequest | bytes | None = None, **how: Unpack[Sent]
) -> Answer:
    """Send the FSCTL on IPC$, signed, with the size of its response as MaxOutputResponse; without a request
    with what the NEGOTIATE of the connection said.
    """
    connection = how.get("on") or session.connection
    used = said(connection) if request is None else request
    return session.ipc(on=connection).ioctl(
        FsctlCode.VALIDATE_NEGOTIATE_INFO,
        used if isinstance(used, bytes) else used.encode(),
        file_id=how.get("file_id"),
        max_output_response=how.get("max_output_response", OUTPUT_SIZE),
        sign=how.get("sign", True),
        on=connection,
    )
