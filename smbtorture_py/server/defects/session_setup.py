"""Defects of SESSION_SETUP: of its legs, its answers, and what MAY and SHOULD leave to the server; and of the
end that an administrator puts to a session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smbtorture_py.auth.acceptor import Accepted, Acceptor, Continue, Refused
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.authenticator import Authenticator
from smbtorture_py.server.parts.key_deriver import KeyDeriver
from smbtorture_py.server.policies.credit import CreditPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupResponse

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session

_OFFSET_IN_BODY: Final = 8
_WEAK_KEY_SIZE: Final = 8
_NTLMSSP: Final = b"NTLMSSP\0"


@defect(
    "session-exchange-forgotten",
    replaces=SessionPolicy.may_begin,
    breaks=["SMB2-3.3.5.5-06"],
    origin="plausible: the state of an authentication is kept once for each connection",
)
def _session_exchange_forgotten(
    original: Callable[[Connection], bool], self: SessionPolicy, connection: Connection
) -> bool:
    """A new authentication makes the connection forget the one that is under way."""
    connection.preauth_session_table.clear()
    return original(connection)


@defect(
    "session-token-offset-of-the-body",
    replaces=SessionPolicy.response,
    breaks=["SMB2-3.3.5.5.3-01"],
    origin="plausible: SecurityBufferOffset is counted from the body, not from the header",
)
def _session_token_offset_of_the_body(
    original: Callable[[bytes, SessionFlags | None], SessionSetupResponse],
    self: SessionPolicy,
    token: bytes,
    flags: SessionFlags | None = None,
) -> SessionSetupResponse:
    """SecurityBufferOffset of a response that asks for more tokens is counted from the body."""
    answer = original(token, flags)
    return answer if flags is not None else replace(answer, security_buffer_offset=_OFFSET_IN_BODY)


@defect(
    "session-final-structure-size",
    replaces=SessionPolicy.response,
    breaks=["SMB2-3.3.5.5.3-03"],
    origin="plausible: StructureSize counts the fixed part only",
)
def _session_final_structure_size(
    original: Callable[[bytes, SessionFlags | None], SessionSetupResponse],
    self: SessionPolicy,
    token: bytes,
    flags: SessionFlags | None = None,
) -> SessionSetupResponse:
    """StructureSize of the response to a successful authentication is even."""
    answer = original(token, flags)
    return answer if flags is None else replace(answer, structure_size=answer.STRUCTURE_SIZE - 1)


@defect(
    "session-setup-grants-nothing",
    replaces=CreditPolicy.granted,
    breaks=["SMB2-3.3.5.5.3-17"],
    origin="plausible: credits are counted once the user is known; compare Samba bug 9702",
)
def _session_setup_grants_nothing(
    original: Callable[[Request], int], self: CreditPolicy, request: Request
) -> int:
    """Responses to SESSION_SETUP grant no credit."""
    return 0 if request.command == Command.SESSION_SETUP else original(request)


@defect(
    "session-key-short",
    replaces=KeyDeriver.session_key,
    breaks=["SMB2-3.3.5.5.3-21", "SMB2-3.3.5.5.3-29"],
    origin="plausible: the weak session key of NTLMv1 with half its bytes",
)
def _session_key_short(
    original: Callable[[bytes], bytes], self: KeyDeriver, full_session_key: bytes
) -> bytes:
    """Only the first half of the session key is used."""
    key = original(full_session_key)
    return key[:_WEAK_KEY_SIZE].ljust(len(key), b"\0")


@defect(
    "session-raw-ntlmssp-other-key",
    replaces=Authenticator.step,
    breaks=["SMB2-3.3.5.5.3-04"],
    origin="plausible: without SPNEGO the exchanged session key is not taken out of the mechanism",
)
def _session_raw_ntlmssp_other_key(
    original: Callable[[Acceptor, bytes], Accepted | Continue | Refused],
    self: Authenticator,
    acceptor: Acceptor,
    token: bytes,
) -> Accepted | Continue | Refused:
    """NTLMSSP without SPNEGO is accepted, and ends in a session whose key the client does not have."""
    result = original(acceptor, token)
    if isinstance(result, Accepted) and token.startswith(_NTLMSSP):
        return replace(result, session_key=bytes(len(result.session_key)))
    return result


defect(
    "session-anonymous-told-encrypted",
    replaces=SessionPolicy.null_session_flag,
    breaks=["SMB2-3.3.5.5.3-06"],
    origin="plausible: a flag too many where everything else is encrypted",
).always(SessionFlags.ENCRYPT_DATA, "An anonymous user is told that his session is encrypted.")


@defect(
    "session-bind-ends-itself",
    replaces=SessionPolicy.honours_previous_session,
    breaks=["SMB2-3.3.5.5-39"],
    origin="plausible: whether PreviousSessionId is the session itself is asked for new sessions only",
)
def _session_bind_ends_itself(
    original: Callable[..., bool],
    self: SessionPolicy,
    session: Session,
    previous: Session,
    *,
    requested_id: int,
) -> bool:
    """A bind whose PreviousSessionId is the session that is bound ends that session."""
    return previous is session or original(session, previous, requested_id=requested_id)


defect(
    "session-closing-not-told",
    replaces=SessionPolicy.announces_closing,
    breaks=["SMB2-2.2.44-01"],
    origin="plausible: notifications are negotiated, and nothing sends one",
).always(False, "Nobody is told that an administrator has closed his session.")


defect(
    "session-closing-told-to-everybody",
    replaces=SessionPolicy.announces_closing,
    breaks=["SMB2-2.2.44-01"],
    origin="plausible: what was negotiated is not looked at; older clients hang up on an unknown command",
).always(True, "Clients that did not ask for notifications get them.")
