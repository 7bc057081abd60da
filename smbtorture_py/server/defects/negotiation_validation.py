"""Defects of FSCTL_VALIDATE_NEGOTIATE_INFO."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.ioctl import ValidateNegotiatePolicy
from smbtorture_py.wire.negotiate import Capabilities, SecurityMode

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import ValidateNegotiateInfoRequest

_GUID_SIZE: Final = 16


defect(
    "validate-not-served",
    replaces=ValidateNegotiatePolicy.is_served,
    breaks=["SMB2-3.3.5.15.12-08", "SMB2-3.3.5.15.12-09"],
    origin="Samba bug 12772 in reverse: clients take a refusal for an attack",
).always(False, "VALIDATE_NEGOTIATE_INFO is not known.")


defect(
    "validate-on-3.1.1",
    replaces=ValidateNegotiatePolicy.ends_on_311,
    breaks=["SMB2-3.3.5.15.12-01"],
    origin="Samba, ksmbd: answered on every dialect",
).always(False, "VALIDATE_NEGOTIATE_INFO is answered on 3.1.1.")


defect(
    "validate-small-buffer",
    replaces=ValidateNegotiatePolicy.ends_on_small_buffer,
    breaks=["SMB2-3.3.5.15.12-02"],
    origin="plausible: the size of the output buffer is not looked at",
).always(False, "MaxOutputResponse may be smaller than the response.")


@defect(
    "validate-common-dialect",
    replaces=ValidateNegotiatePolicy.dialects_differ,
    breaks=["SMB2-3.3.5.15.12-03"],
    origin="Samba, ksmbd: only the greatest common dialect is compared",
)
def _validate_common_dialect(
    original: Callable[[Connection, ValidateNegotiateInfoRequest], bool],
    self: ValidateNegotiatePolicy,
    connection: Connection,
    body: ValidateNegotiateInfoRequest,
) -> bool:
    """Dialects that lead to the same choice are accepted."""
    common = connection.server.policies.negotiate.common_dialect(connection, body.dialects)
    return common is None or common != connection.dialect


defect(
    "validate-any-dialects",
    replaces=ValidateNegotiatePolicy.dialects_differ,
    breaks=["SMB2-3.3.5.15.12-03", "SMB2-3.3.5.15.12-04"],
    origin="plausible: the array is not read",
).always(False, "Dialects are not compared.")


@defect(
    "validate-guid-as-string",
    replaces=ValidateNegotiatePolicy.guid_differs,
    breaks=["SMB2-3.3.5.15.12-05"],
    origin="ksmbd: the guids are compared with strncmp",
)
def _validate_guid_as_string(
    original: Callable[[Connection, ValidateNegotiateInfoRequest], bool],
    self: ValidateNegotiatePolicy,
    connection: Connection,
    body: ValidateNegotiateInfoRequest,
) -> bool:
    """Guids are compared up to their first zero byte."""
    return bytes(body.guid).split(b"\0")[0] != connection.client_guid.split(b"\0")[0]


defect(
    "validate-any-guid",
    replaces=ValidateNegotiatePolicy.guid_differs,
    breaks=["SMB2-3.3.5.15.12-05"],
    origin="plausible: the guid is not read",
).always(False, "Guid is not compared.")


defect(
    "validate-any-security-mode",
    replaces=ValidateNegotiatePolicy.security_mode_differs,
    breaks=["SMB2-3.3.5.15.12-06"],
    origin="plausible: the field is not read",
).always(False, "SecurityMode is not compared.")


defect(
    "validate-any-capabilities",
    replaces=ValidateNegotiatePolicy.capabilities_differ,
    breaks=["SMB2-3.3.5.15.12-07"],
    origin="plausible: the field is not read",
).always(False, "Capabilities are not compared.")


@defect(
    "validate-capabilities-of-session",
    replaces=ValidateNegotiatePolicy.capabilities_differ,
    breaks=["SMB2-3.3.5.15.12-08"],
    origin="plausible: a session remembers one negotiation for all its channels",
)
def _validate_capabilities_of_session(
    original: Callable[[Connection, ValidateNegotiateInfoRequest], bool],
    self: ValidateNegotiatePolicy,
    connection: Connection,
    body: ValidateNegotiateInfoRequest,
) -> bool:
    """Capabilities are compared with those of the connection that set the session up."""
    for session in connection.session_table.values():
        return int(body.capabilities) != int(session.connection.client_capabilities)
    return original(connection, body)


@defect(
    "validate-tells-own-capabilities",
    replaces=ValidateNegotiatePolicy.response_capabilities,
    breaks=["SMB2-3.3.5.15.12-08"],
    origin="plausible: what the server could do is told, not what it did",
)
def _validate_tells_own_capabilities(
    original: Callable[[Connection], Capabilities], self: ValidateNegotiatePolicy, connection: Connection
) -> Capabilities:
    """The response has capabilities that were not negotiated."""
    return original(connection) ^ Capabilities.DIRECTORY_LEASING


defect(
    "validate-tells-no-guid",
    replaces=ValidateNegotiatePolicy.response_guid,
    breaks=["SMB2-3.3.5.15.12-08"],
    origin="plausible: the GUID is forgotten",
).always(bytes(_GUID_SIZE), "The response has a Guid of zeros.")


@defect(
    "validate-tells-client-mode",
    replaces=ValidateNegotiatePolicy.response_security_mode,
    breaks=["SMB2-3.3.5.15.12-08"],
    origin="plausible: what was received is sent back",
)
def _validate_tells_client_mode(
    original: Callable[[Connection], int], self: ValidateNegotiatePolicy, connection: Connection
) -> int:
    """The response has a SecurityMode that the server did not answer with."""
    return original(connection) ^ SecurityMode.SIGNING_REQUIRED


@defect(
    "validate-tells-highest-dialect",
    replaces=ValidateNegotiatePolicy.response_dialect,
    breaks=["SMB2-3.3.5.15.12-08"],
    origin="plausible: the server's dialect is taken for the connection's",
)
def _validate_tells_highest_dialect(
    original: Callable[[Connection], int], self: ValidateNegotiatePolicy, connection: Connection
) -> int:
    """The response has the greatest dialect of the server."""
    return int(connection.server.config.maximum_dialect)


defect(
    "validate-short-input",
    replaces=ValidateNegotiatePolicy.is_malformed,
    breaks=["SMB2-3.3.5.15.12-12"],
    origin="plausible: DialectCount is cut to what is there",
).always(False, "Input that ends before its dialects do is read as far as it goes.")
