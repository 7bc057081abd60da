"""What the words of the lab take: the fields of requests, and how an answer is waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypedDict, cast

from smbtorture_py.auth.credentials import AuthForm
from smbtorture_py.auth.initiator import Initiator, InitiatorHooks
from smbtorture_py.client.logon import LegTamper, LogonOptions
from smbtorture_py.client.session import Options
from smbtorture_py.wire.create import AccessMask, CreateOptions, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.negotiate import Capabilities, SecurityMode
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.session_setup import SessionSetupFlags

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab.connection import LabConnection


MAX_TRANSACT: Final = 65536


class Sending(Options, total=False):
    """What every word takes that sends a request: what `Connection.submit` takes, and three things of the
    lab.
    """

    on: LabConnection
    """The channel to send on; without it the session's first."""

    within: float
    """Seconds to wait for the answer, before scaling; without it the lab's patience."""

    wait: bool
    """False: return without waiting; `answer.wait()` does it later."""


class Offering(TypedDict, total=False):
    """What a NEGOTIATE offers: the fields of NegotiateOffer, and single values in place of its lists."""

    dialect: int
    """Offer only this one."""

    cipher: int | None
    """Offer only this one; None: no ENCRYPTION_CAPABILITIES."""

    signing_algorithm: int | None
    """Offer only this one; None: no SIGNING_CAPABILITIES."""

    dialects: Sequence[int]
    security_mode: SecurityMode | None
    capabilities: Capabilities | None
    client_guid: bytes | None
    ciphers: Sequence[int]
    signing_algorithms: Sequence[int]
    salt: bytes | None
    netname: str | None
    extra_contexts: Sequence[NegotiateContext]
    contexts: Sequence[NegotiateContext] | None
    smb1_dialects: Sequence[str]


class Logon(TypedDict, total=False):
    """What an authentication sends besides its tokens: the fields of LogonOptions."""

    initiator: Initiator | None
    form: AuthForm
    hooks: InitiatorHooks | None
    flags: SessionSetupFlags | None
    security_mode: SecurityMode | None
    capabilities: Capabilities | None
    previous_session_id: int
    session_id: int | None
    sign: bool | None
    signing_key: bytes | None
    encrypt: bool | None
    token: Callable[[int, bytes | None], bytes | None] | None
    tamper: LegTamper | None
    stop_after: int


class CreateFields(TypedDict, total=False):
    """What a CREATE says, by the names of [MS-SMB2] 2.2.13."""

    desired_access: AccessMask
    file_attributes: int
    share_access: ShareAccess
    create_disposition: int
    create_options: CreateOptions
    requested_oplock_level: int
    impersonation_level: int
    contexts: Sequence[CreateContext]


class CreateArguments(Sending, CreateFields, total=False):
    """What `tree.create` takes: the fields of the request, and what every word takes."""


_CREATE_FIELDS: Final = (
    "desired_access",
    "file_attributes",
    "share_access",
    "create_disposition",
    "create_options",
    "requested_oplock_level",
    "impersonation_level",
    "contexts",
)


def split_sending(sending: Sending) -> tuple[Options, LabConnection | None, float | None, bool]:
    """Part what the client core takes from what the lab takes: channel, patience, whether to wait."""
    rest = dict(sending)
    rest.pop("on", None)
    rest.pop("within", None)
    rest.pop("wait", None)
    return (
        cast(Options, rest),
        sending.get("on"),
        sending.get("within"),
        sending.get("wait", True),
    )


def split_create(arguments: CreateArguments) -> tuple[Sending, CreateFields]:
    """Part the fields of a CREATE from what every word takes."""
    fields = {name: value for name, value in arguments.items() if name in _CREATE_FIELDS}
    rest = {name: value for name, value in arguments.items() if name not in _CREATE_FIELDS}
    return cast(Sending, rest), cast(CreateFields, fields)


def logon_options(signed: bool | None, logon: Logon) -> LogonOptions:
    """Return the client core's options; `signed` is the lab's word for `sign`."""
    options = LogonOptions(**logon)
    if signed is not None:
        options.sign = signed
    return options
