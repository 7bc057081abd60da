"""IOCTL in general, interface lists, VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 3.3.5.15, .2, .11, .12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.codec import FILE_ID_ANY, HEADER_SIZE
from smbtorture_py.wire.ioctl import IoctlFlags, IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode, SmbtortureFsctl
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.codec import Findings
    from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import ValidateNegotiateInfoRequest

_MINIMUM_OFFSET: Final = HEADER_SIZE + IoctlRequest.STRUCTURE_SIZE - 1
_ALIGNMENT: Final = 8
_ALLOWED: Final = frozenset(FsctlCode)
WITHOUT_FILE: Final = frozenset(
    {
        FsctlCode.DFS_GET_REFERRALS, FsctlCode.DFS_GET_REFERRALS_EX, FsctlCode.QUERY_NETWORK_INTERFACE_INFO,
        FsctlCode.VALIDATE_NEGOTIATE_INFO, FsctlCode.PIPE_WAIT,
        SmbtortureFsctl.FORCE_UNACKED_TIMEOUT, SmbtortureFsctl.GLOBAL_READ_RESPONSE_BODY_PADDING8,
    }
)  # fmt: skip
"""The codes whose FileId is all ones ([MS-SMB2] 3.3.5.15)."""


class IoctlPolicy:
    """The choices around IOCTL."""

    def is_fsctl(self, body: IoctlRequest) -> bool:
        """Whether Flags are SMB2_0_IOCTL_IS_FSCTL and nothing else (3.3.5.15)."""
        return body.flags == IoctlFlags.IS_FSCTL

    def not_fsctl_status(self) -> Status:
        """What a request without SMB2_0_IOCTL_IS_FSCTL fails with (3.3.5.15)."""
        return Status.NOT_SUPPORTED

    def unknown_file_status(self) -> Status:
        """What a request about a file fails with that is not open (3.3.5.15)."""
        return Status.FILE_CLOSED

    def file_id_given_status(self) -> Status:
        """What a code that wants no file fails with where a FileId is given (3.3.5.15)."""
        return Status.INVALID_PARAMETER

    def size_status(self, connection: Connection, body: IoctlRequest) -> Status:
        """SUCCESS, or what counts above MaxTransactSize fail with (SHOULD, 3.3.5.15)."""
        counts = (int(body.input_count), int(body.max_input_response), int(body.max_output_response))
        return Status.INVALID_PARAMETER if max(counts) > connection.max_transact_size else Status.SUCCESS

    def input_status(self, body: IoctlRequest, message_size: int) -> Status:
        """SUCCESS, or what input that does not lie in the message where it should fails with (3.3.5.15).

        Without input InputOffset is not looked at (2.2.31), although it might be (MAY, 3.3.5.15).
        """
        offset = body.input_offset
        if not body.input_count:
            return Status.SUCCESS
        if 0 < offset < _MINIMUM_OFFSET or offset % _ALIGNMENT or offset + body.input_count > message_size:
            return Status.INVALID_PARAMETER
        return Status.SUCCESS

    def payload_size(self, body: IoctlRequest) -> int:
        """The bytes that CreditCharge has to pay for (3.3.5.15)."""
        sent = body.input_count + body.output_count
        return max(sent, body.max_input_response + body.max_output_response)

    def is_allowed(self, ctl_code: int) -> bool:
        """Whether a code is allowed at all: those of 2.2.31 and [MS-FSCC] 2.3 (3.3.5.15)."""
        return ctl_code in _ALLOWED

    def unknown_code_status(self, request: Request, ctl_code: int) -> Status:
        """What a code fails with that is not allowed, or that no file system here supports (SHOULD,
        3.3.5.15)."""
        del request
        return Status.INVALID_DEVICE_REQUEST if self.is_allowed(ctl_code) else Status.NOT_SUPPORTED

    def dfs_status(self) -> Status:
        """What a referral request fails with where IsDfsCapable is FALSE (3.3.5.15.2)."""
        return Status.FS_DRIVER_REQUIRED


class InterfacePolicy:
    """Who may ask for the interfaces ([MS-SMB2] 3.3.5.15.11)."""

    def unsigned_status(self, request: Request) -> Status:
        """SUCCESS, or what an unsigned request fails with (MAY)."""
        del request
        return Status.SUCCESS

    def not_multichannel_status(self, request: Request) -> Status:
        """SUCCESS, or what a request fails with where multichannel was not negotiated (MAY):
        NOT_SUPPORTED."""
        connection = request.connection
        if connection.is_3x and Capabilities.MULTI_CHANNEL in connection.server_capabilities:
            return Status.SUCCESS
        return Status.NOT_SUPPORTED

    def too_small_status(self) -> Status:
        """What a list longer than MaxOutputResponse fails with (the specification is silent)."""
        return Status.BUFFER_TOO_SMALL

    def input_status(self) -> Status:
        """SUCCESS, or what an input buffer, which the code does not have, leads to (the specification is
        silent)."""
        return Status.SUCCESS

    def address_is_listed(self, request: Request, address: IPv4Address | IPv6Address) -> bool:
        """Whether the answer to this request has an address: each has all."""
        del request, address
        return True

    def output_limit(self, body: IoctlRequest) -> int:
        """Bytes that the list may have: MaxOutputResponse (3.3.5.15)."""
        return body.max_output_response

    def response(self, body: IoctlRequest, output: bytes) -> IoctlResponse:
        """The response: the code it answers, a FileId of all ones, no input, no flags."""
        return IoctlResponse(ctl_code=body.ctl_code, file_id=FILE_ID_ANY, output=output)


class ValidateNegotiatePolicy:
    """What ends the connection of a client whose negotiate was tampered with ([MS-SMB2] 3.3.5.15.12)."""

    def is_served(self, connection: Connection) -> bool:
        """Whether the code is known at all: by servers that implement 3.x."""
        return connection.server.config.require_secure_negotiate and connection.server.implements_3x

    def not_served_status(self) -> Status:
        """What it fails with elsewhere."""
        return Status.FILE_CLOSED

    def is_malformed(self, findings: Findings) -> bool:
        """Whether the input ends before its fields or its dialects do (3.3.5.2.6)."""
        return bool(findings)

    def malformed_status(self) -> Status:
        """What such an input fails with (3.3.5.2.6)."""
        return Status.INVALID_PARAMETER

    def ends_on_311(self, connection: Connection) -> bool:
        """On 3.1.1 the request ends the connection."""
        return connection.is_311

    def ends_on_small_buffer(self, connection: Connection, available: int, needed: int) -> bool:
        """MaxOutputResponse smaller than the response ends the connection."""
        del connection
        return available < needed

    def small_buffer_status(self, available: int, needed: int) -> Status:
        """What a small buffer fails with where it does not end the connection."""
        del available, needed
        return Status.SUCCESS

    def dialects_differ(self, connection: Connection, body: ValidateNegotiateInfoRequest) -> bool:
        """Dialects must be those of the NEGOTIATE, or lead to the same choice on a server without 3.1.1."""
        if connection.server.implements_311:
            return list(body.dialects) != connection.client_dialects
        common = connection.server.policies.negotiate.common_dialect(connection, body.dialects)
        return common is None or common != connection.dialect

    def guid_differs(self, connection: Connection, body: ValidateNegotiateInfoRequest) -> bool:
        """Guid must be Connection.ClientGuid."""
        return bytes(body.guid) != connection.client_guid

    def security_mode_differs(self, connection: Connection, body: ValidateNegotiateInfoRequest) -> bool:
        """SecurityMode must be Connection.ClientSecurityMode."""
        return int(body.security_mode) != int(connection.client_security_mode)

    def capabilities_differ(self, connection: Connection, body: ValidateNegotiateInfoRequest) -> bool:
        """Capabilities must be Connection.ClientCapabilities."""
        return int(body.capabilities) != int(connection.client_capabilities)

    def response_capabilities(self, connection: Connection) -> Capabilities:
        """Capabilities of the response: Connection.ServerCapabilities."""
        return connection.server_capabilities

    def response_guid(self, connection: Connection) -> bytes:
        """Guid of the response: ServerGuid."""
        return connection.server.server_guid

    def response_security_mode(self, connection: Connection) -> int:
        """SecurityMode of the response: Connection.ServerSecurityMode."""
        return int(connection.server_security_mode)

    def response_dialect(self, connection: Connection) -> int:
        """Dialect of the response: Connection.Dialect."""
        return int(connection.dialect or 0)
