"""FSCTLs that a client itself needs: VALIDATE_NEGOTIATE_INFO and QUERY_NETWORK_INTERFACE_INFO ([MS-SMB2]
3.2.4.20)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Unpack

from smbtorture_py.client.exchange import ExchangeResult, Procedure
from smbtorture_py.client.violation import Rule
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.ioctl_payloads import network_interface_info
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import NetworkInterfaceInfo
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import (
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.client.session import Options
    from smbtorture_py.client.tree import Tree

VALIDATE_NEGOTIATE_OUTPUT: Final = 24
"""Bytes of a VALIDATE_NEGOTIATE_INFO response ([MS-SMB2] 2.2.32.6)."""


@dataclass(slots=True, kw_only=True)
class ValidateNegotiateResult(ExchangeResult):
    """What came of an FSCTL_VALIDATE_NEGOTIATE_INFO."""

    response: ValidateNegotiateInfoResponse | None = None
    mismatches: list[str] = field(default_factory=list)
    """What differs from the NEGOTIATE response; each is a violation too."""


@dataclass(slots=True, kw_only=True)
class InterfacesResult(ExchangeResult):
    """What came of an FSCTL_QUERY_NETWORK_INTERFACE_INFO."""

    interfaces: list[NetworkInterfaceInfo] = field(default_factory=list)
    findings: Findings = field(default_factory=list)
    """What is odd about the list."""


def validate_negotiate(
    tree: Tree, request: ValidateNegotiateInfoRequest | None = None, **options: Unpack[Options]
) -> Procedure[ValidateNegotiateResult]:
    """Ask the server to confirm what was negotiated, signed ([MS-SMB2] 3.2.5.5, 3.2.5.14.12).

    `request` None: what the connection's NEGOTIATE said.
    """
    connection = options.get("connection") or tree.session.selected_connection
    if request is None:
        request = ValidateNegotiateInfoRequest(
            capabilities=connection.client_capabilities,
            guid=connection.client_guid,
            security_mode=connection.client_security_mode,
            dialects=list(connection.offered_dialects),
        )
    if not (tree.encrypt_data or tree.session.encrypt_data):
        options.setdefault("sign", True)
    exchange = tree.ioctl(
        FsctlCode.VALIDATE_NEGOTIATE_INFO,
        request.encode(),
        max_output_response=VALIDATE_NEGOTIATE_OUTPUT,
        **options,
    )
    yield exchange
    result = ValidateNegotiateResult(exchange=exchange)
    body = exchange.body(IoctlResponse)
    if exchange.status != Status.SUCCESS or body is None:
        return result
    findings: Findings = []
    response = ValidateNegotiateInfoResponse.decode(body.output, findings)
    result.response = response
    result.mismatches = [str(finding) for finding in findings]
    for name, said, negotiated in (
        ("Capabilities", response.capabilities, int(connection.server_capabilities)),
        ("Guid", response.guid, connection.server_guid),
        ("SecurityMode", response.security_mode, int(connection.server_security_mode)),
        ("Dialect", response.dialect, connection.dialect),
    ):
        if said != negotiated:
            result.mismatches.append(f"{name} is {said!r}, negotiated was {negotiated!r}")
    for mismatch in result.mismatches:
        connection.violate(Rule.VALIDATE_NEGOTIATE, mismatch, connection.clock(), exchange)
    return result


def query_network_interfaces(tree: Tree, **options: Unpack[Options]) -> Procedure[InterfacesResult]:
    """Ask for the server's network interfaces ([MS-SMB2] 3.2.4.20.10, 3.2.5.14.11)."""
    exchange = tree.ioctl(FsctlCode.QUERY_NETWORK_INTERFACE_INFO, **options)
    yield exchange
    result = InterfacesResult(exchange=exchange)
    body = exchange.body(IoctlResponse)
    if exchange.status == Status.SUCCESS and body is not None:
        result.interfaces = network_interface_info.decode_list(body.output, result.findings)
    return result
