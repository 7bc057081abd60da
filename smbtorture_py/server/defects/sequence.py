"""Defects of channel sequence numbers: what is in order, what is refused, what counts as outstanding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.channel_sequence import FARTHEST_NEWER, MODULUS, ChannelSequencePolicy
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.wire.file_requests import file_id_of
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.header import Header


class Judgement(Protocol):
    """What takes the place of a method that judges a request."""

    def __call__(
        self, original: Callable[[Request], bool], policy: ChannelSequencePolicy, /, request: Request
    ) -> bool:
        """Judge a request, in place of `original`."""
        ...


class Settlement(Protocol):
    """What takes the place of the method that says when a request is answered."""

    def __call__(
        self,
        original: Callable[[Status | None], bool],
        policy: ChannelSequencePolicy,
        /,
        status: Status | None,
    ) -> bool:
        """Judge an answer, in place of `original`."""
        ...


HALF: Final = MODULUS // 2
_ERROR: Final = 3
"""Severity of an NTSTATUS."""
_REPLAYED: Final = frozenset({Command.CREATE, Command.WRITE, Command.SET_INFO, Command.IOCTL})
_WRITING: Final = frozenset(
    {FsctlCode.SRV_COPYCHUNK, FsctlCode.SRV_COPYCHUNK_WRITE, FsctlCode.SET_ZERO_DATA, FsctlCode.SET_SPARSE}
)


def _open_of(request: Request) -> Open | None:
    """The open that a request is about."""
    file_id = file_id_of(request.body)
    return None if file_id is None else request.chain.named_open(request, file_id)


def _opens_of(request: Request) -> list[Open]:
    """Every open of the session that a request belongs to."""
    session = request.connection.server.global_session_table.get(request.session_id)
    return [] if session is None else list(session.open_table.values())


# Equal, newer, stale.

defect(
    "sequence-not-verified",
    replaces=ChannelSequencePolicy.is_verified,
    breaks=[
        "SMB2-3.3.5.2.10-06",
        "SMB2-3.3.5.2.10-14",
        "SMB2-3.3.5.2.10-11",
        "SMB2-3.3.4.1-03",
        "SMB2-3.3.4.1-04",
    ],
    origin="ksmbd 6.18: ChannelSequence is never looked at; chimera issue 711",
).always(False, "ChannelSequence is not looked at.")

defect(
    "sequence-always-newer",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-14", "SMB2-3.3.5.2.10-09", "SMB2-3.3.4.1-03"],
    origin="plausible: any number that differs is taken for a new one",
).always(True, "Every number other than the present one counts as newer.")

defect(
    "sequence-never-newer",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-08", "SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-18"],
    origin="plausible: only the number of the CREATE is accepted",
).always(False, "No number counts as newer: all but the present one are refused.")


@defect(
    "sequence-boundary-as-newer",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-09", "SMB2-3.3.5.2.10-06"],
    origin="Samba 4.17: a difference of 0x8000 is compared as a signed number",
)
def _boundary_as_newer(
    original: Callable[[int, int], bool], self: ChannelSequencePolicy, present: int, requested: int
) -> bool:
    """A number 0x8000 below the present one counts as newer."""
    return present - requested == HALF or original(present, requested)


@defect(
    "sequence-boundary-too-far",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-09"],
    origin="plausible: the boundary is off by one",
)
def _boundary_too_far(
    original: Callable[[int, int], bool], self: ChannelSequencePolicy, present: int, requested: int
) -> bool:
    """A number 0x8000 away counts as newer."""
    return (requested - present) % MODULUS <= FARTHEST_NEWER + 1


@defect(
    "sequence-boundary-too-near",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-09"],
    origin="plausible: the boundary is off by one",
)
def _boundary_too_near(
    original: Callable[[int, int], bool], self: ChannelSequencePolicy, present: int, requested: int
) -> bool:
    """A number that is ahead by 0x7FFF counts as stale."""
    return (requested - present) % MODULUS < FARTHEST_NEWER


@defect(
    "sequence-without-wrap",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-08"],
    origin="plausible: numbers are compared as they are",
)
def _without_wrap(
    original: Callable[[int, int], bool], self: ChannelSequencePolicy, present: int, requested: int
) -> bool:
    """After 0xFFFF no number is newer."""
    return present < requested <= present + FARTHEST_NEWER


@defect(
    "sequence-larger-is-newer",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-08", "SMB2-3.3.5.2.10-09"],
    origin="plausible: numbers are compared as they are, without a limit",
)
def _larger_is_newer(
    original: Callable[[int, int], bool], self: ChannelSequencePolicy, present: int, requested: int
) -> bool:
    """A larger number is newer, however far away, and a smaller one is stale."""
    return requested > present


@defect(
    "sequence-one-step-at-a-time",
    replaces=ChannelSequencePolicy.is_newer,
    breaks=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-08"],
    origin="plausible: a client that loses one channel at a time is expected",
)
def _one_step(
    original: Callable[[int, int], bool], self: ChannelSequencePolicy, present: int, requested: int
) -> bool:
    """Only the very next number counts as newer."""
    return (requested - present) % MODULUS == 1


@defect(
    "sequence-of-one-byte",
    replaces=ChannelSequencePolicy.of_request,
    breaks=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-09", "SMB2-3.3.5.2.10-06"],
    origin="plausible: the field is read as one byte",
)
def _one_byte(original: Callable[[Request], int], self: ChannelSequencePolicy, request: Request) -> int:
    """Only the low byte of the number is looked at."""
    return original(request) & 0xFF


@defect(
    "sequence-byte-order",
    replaces=ChannelSequencePolicy.of_request,
    breaks=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-09", "SMB2-3.3.5.2.10-08"],
    origin="plausible: a server on a big-endian machine that does not swap the field",
)
def _byte_order(original: Callable[[Request], int], self: ChannelSequencePolicy, request: Request) -> int:
    """The bytes of the number are taken in the wrong order."""
    number = original(request)
    return number >> 8 | (number & 0xFF) << 8


defect(
    "sequence-equal-is-newer",
    replaces=ChannelSequencePolicy.is_equal,
    breaks=["SMB2-3.3.5.2.10-10"],
    origin="plausible: equal numbers take the way of newer ones, and what is outstanding becomes the past",
).always(
    False, "The present number is taken for a newer one, so that requests of the present hold up replays."
)


# Which requests are refused, and how.


def _not_ordered(command: Command) -> Judgement:
    def not_ordered(
        original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
    ) -> bool:
        return original(request) and request.command != command

    not_ordered.__doc__ = f"A {command.name} is executed whatever its number."
    return not_ordered


def _ordered(command: Command) -> Judgement:
    def ordered(original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request) -> bool:
        return original(request) or request.command == command

    ordered.__doc__ = f"A {command.name} is refused for its number like a WRITE."
    return ordered


for _identifier, _command in (
    ("sequence-write-not-ordered", Command.WRITE),
    ("sequence-set-info-not-ordered", Command.SET_INFO),
    ("sequence-ioctl-not-ordered", Command.IOCTL),
):
    defect(
        _identifier,
        replaces=ChannelSequencePolicy.must_be_in_order,
        breaks=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-14", "SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-09"],
        origin="chimera issue 1123: the number was not verified for every operation that modifies",
    )(_not_ordered(_command))

for _identifier, _command in (
    ("sequence-read-ordered", Command.READ),
    ("sequence-flush-ordered", Command.FLUSH),
    ("sequence-lock-ordered", Command.LOCK),
    ("sequence-query-info-ordered", Command.QUERY_INFO),
    ("sequence-close-ordered", Command.CLOSE),
    ("sequence-query-directory-ordered", Command.QUERY_DIRECTORY),
    ("sequence-change-notify-ordered", Command.CHANGE_NOTIFY),
    ("sequence-oplock-break-ordered", Command.OPLOCK_BREAK),
):
    defect(
        _identifier,
        replaces=ChannelSequencePolicy.must_be_in_order,
        breaks=["SMB2-3.3.5.2.10-07", "SMB2-3.3.5.2.10-16"],
        origin="plausible: every request with a FileId is treated alike",
    )(_ordered(_command))


@defect(
    "sequence-ioctl-only-where-it-writes",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-14"],
    origin="plausible: an FSCTL that only asks is not taken for a change",
)
def _ioctl_only_where_it_writes(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """An IOCTL is refused for its number only if its FSCTL writes."""
    body = request.body
    return original(request) and not (isinstance(body, IoctlRequest) and body.ctl_code not in _WRITING)


@defect(
    "sequence-replays-not-ordered",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.5.2.10-14", "SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-13"],
    origin="plausible: the flag is taken for a permission",
)
def _replays_not_ordered(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """A replay is executed whatever its number."""
    return original(request) and not self.is_replay(request)


@defect(
    "sequence-first-channel-only",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.4.1-03"],
    origin="plausible: the number is taken for one of the connection that a file was opened on",
)
def _first_channel_only(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """Stale requests are refused only on the channel that the file was opened on."""
    open_ = _open_of(request)
    return original(request) and open_ is not None and open_.connection is request.connection


@defect(
    "sequence-refused-after-writing",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.4.1-04"],
    origin="plausible: the number is looked at when the response is made",
)
def _refused_after_writing(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """A stale WRITE is refused, but what it carries is written."""
    body, open_ = request.body, _open_of(request)
    if isinstance(body, WriteRequest) and open_ is not None and open_.stream.content is not None:
        open_.stream.content.write(body.offset, body.data)
    return original(request)


defect(
    "sequence-refused-as-invalid",
    replaces=ChannelSequencePolicy.refusal_status,
    breaks=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-14", "SMB2-3.3.5.2.10-11"],
    origin="plausible: any error will do; a client that is to try again does not",
).always(Status.INVALID_PARAMETER, "A stale request fails with INVALID_PARAMETER.")


# What moves an open.

defect(
    "sequence-does-not-move",
    replaces=ChannelSequencePolicy.newer_moves_on,
    breaks=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-06", "SMB2-3.3.4.1-03"],
    origin="plausible: the number of the CREATE is kept",
).always(False, "A newer number does not become that of the open.")


@defect(
    "sequence-moved-by-changes-only",
    replaces=ChannelSequencePolicy.newer_moves_on,
    breaks=["SMB2-3.3.5.2.10-05"],
    origin="plausible: only the requests that can be refused are looked at",
)
def _moved_by_changes_only(
    original: Callable[[Open, Request], bool], self: ChannelSequencePolicy, open_: Open, request: Request
) -> bool:
    """Only WRITE, SET_INFO and IOCTL bring an open to a newer number."""
    return original(open_, request) and self.must_be_in_order(request)


@defect(
    "sequence-moved-by-stale-reads",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.5.2.10-07"],
    origin="plausible: what is not refused is taken over",
)
def _moved_by_stale_reads(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """The stale number of a request that is not refused becomes that of the open."""
    open_ = _open_of(request)
    if not original(request) and open_ is not None:
        open_.channel_sequence = self.of_request(request)
    return original(request)


@defect(
    "sequence-moved-by-refused-requests",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-14"],
    origin="plausible: the number is stored before it is compared",
)
def _moved_by_refused_requests(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """The stale number of a request that is refused becomes that of the open."""
    open_ = _open_of(request)
    if original(request) and open_ is not None:
        open_.channel_sequence = self.of_request(request)
    return original(request)


@defect(
    "sequence-of-the-session",
    replaces=ChannelSequencePolicy.newer_moves_on,
    breaks=["SMB2-3.3.4.1-03", "SMB2-3.3.5.2.10-04"],
    origin="plausible: the client keeps its number in the session, so a server does too",
)
def _of_the_session(
    original: Callable[[Open, Request], bool], self: ChannelSequencePolicy, open_: Open, request: Request
) -> bool:
    """A newer number becomes that of every open of the session."""
    for one in _opens_of(request):
        one.channel_sequence = self.of_request(request)
    return original(open_, request)


@defect(
    "sequence-moved-before-the-signature",
    replaces=SigningPolicy.bad_signature_status,
    breaks=["SMB2-3.3.5.2.10-21"],
    origin="plausible: the header is evaluated as it is read",
)
def _moved_before_the_signature(
    original: Callable[[Request], Status], self: SigningPolicy, request: Request
) -> Status:
    """A newer number in a request with a wrong signature becomes that of the open."""
    file_id = file_id_of(request.body)
    for open_ in _opens_of(request):
        if open_.wire_file_id == file_id:
            open_.channel_sequence = request.header.channel_sequence
    return original(request)


defect(
    "sequence-starts-at-zero",
    replaces=ChannelSequencePolicy.at_create,
    breaks=["SMB2-3.3.5.2.10-03"],
    origin="Samba 4.17: source3/smbd/smbXsrv_open.c starts every open at 0",
).always(0, "An open starts at 0, whatever number its CREATE has.")


@defect(
    "sequence-starts-one-ahead",
    replaces=ChannelSequencePolicy.at_create,
    breaks=["SMB2-3.3.5.2.10-03", "SMB2-3.3.5.2.10-04", "SMB2-3.3.5.2.10-18", "SMB2-3.3.5.2.10-10"],
    origin="plausible: the next number is stored, as one is for MessageIds",
)
def _starts_one_ahead(
    original: Callable[[Request], int], self: ChannelSequencePolicy, request: Request
) -> int:
    """An open starts one ahead of the number of its CREATE."""
    return (original(request) + 1) % MODULUS


@defect(
    "sequence-moved-by-creates",
    replaces=ChannelSequencePolicy.at_create,
    breaks=["SMB2-3.3.5.2.10-03", "SMB2-3.3.5.2.10-02"],
    origin="plausible: the number is kept with the session, and a CREATE sets it",
)
def _moved_by_creates(
    original: Callable[[Request], int], self: ChannelSequencePolicy, request: Request
) -> int:
    """The number of a CREATE becomes that of every open of the session."""
    for open_ in _opens_of(request):
        open_.channel_sequence = original(request)
    return original(request)


# Where numbers are not looked at.

defect(
    "sequence-verified-with-smb2",
    replaces=ChannelSequencePolicy.is_verified,
    breaks=["SMB2-3.3.5.2.10-01"],
    origin="chimera issue 711 reversed: the dialect is not asked; 2.x has Status in these bytes",
).always(True, "With 2.0.2 and 2.1 the bytes of Status are taken for a number.")


@defect(
    "sequence-only-with-smb311",
    replaces=ChannelSequencePolicy.is_verified,
    breaks=["SMB2-3.3.4.1-03", "SMB2-3.3.5.2.10-06"],
    origin="plausible: whatever came with 3.x is tied to the newest dialect",
)
def _only_with_smb311(
    original: Callable[[Connection], bool], self: ChannelSequencePolicy, connection: Connection
) -> bool:
    """Numbers are looked at with 3.1.1 only."""
    return original(connection) and connection.dialect == Dialect.SMB_3_1_1


@defect(
    "sequence-not-in-encrypted-requests",
    replaces=ChannelSequencePolicy.must_be_in_order,
    breaks=["SMB2-3.3.5.2.10-06"],
    origin="plausible: the header of the transform is asked, which has no number",
)
def _not_in_encrypted_requests(
    original: Callable[[Request], bool], self: ChannelSequencePolicy, request: Request
) -> bool:
    """Encrypted requests are executed whatever their number."""
    return original(request) and not request.is_encrypted


@defect(
    "sequence-verified-without-file",
    replaces=ChannelSequencePolicy.status_without_file,
    breaks=["SMB2-3.3.5.2.10-02"],
    origin="plausible: the number is compared for each request of a session",
)
def _verified_without_file(
    original: Callable[[Request], Status], self: ChannelSequencePolicy, request: Request
) -> Status:
    """A request without a FileId fails if its number is behind that of an open of the session."""
    number = self.of_request(request)
    for open_ in _opens_of(request):
        present = open_.channel_sequence
        if not self.is_equal(present, number) and not self.is_newer(present, number):
            return self.refusal_status()
    return original(request)


@defect(
    "sequence-moved-without-file",
    replaces=ChannelSequencePolicy.status_without_file,
    breaks=["SMB2-3.3.5.2.10-02"],
    origin="plausible: the number is kept with the session",
)
def _moved_without_file(
    original: Callable[[Request], Status], self: ChannelSequencePolicy, request: Request
) -> Status:
    """The number of a request without a FileId becomes that of every open of the session."""
    for open_ in _opens_of(request):
        open_.channel_sequence = self.of_request(request)
    return original(request)


@defect(
    "sequence-replay-without-file-refused",
    replaces=ChannelSequencePolicy.status_without_file,
    breaks=["SMB2-3.3.5.2.10-02", "SMB2-3.3.5.9-15"],
    origin="plausible: the flag is allowed for some commands only, as Samba does it by dialect",
)
def _replay_without_file_refused(
    original: Callable[[Request], Status], self: ChannelSequencePolicy, request: Request
) -> Status:
    """A request without a FileId fails if it has the replay flag."""
    return Status.INVALID_PARAMETER if self.is_replay(request) else original(request)


@defect(
    "sequence-verified-in-cancel",
    replaces=AsyncPolicy.find_target,
    breaks=["SMB2-3.3.5.2.10-02"],
    origin="plausible: a CANCEL is expected to be a copy of the header of what it cancels",
)
def _verified_in_cancel(
    original: Callable[[Connection, Header], Request | None],
    self: AsyncPolicy,
    connection: Connection,
    header: Header,
) -> Request | None:
    """A CANCEL is ignored if it has a number or the replay flag."""
    is_odd = header.channel_sequence or header.has(HeaderFlags.REPLAY_OPERATION)
    return None if is_odd else original(connection, header)


# Replays, and what is outstanding.

defect(
    "sequence-replays-not-told",
    replaces=ChannelSequencePolicy.is_replay,
    breaks=["SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-13"],
    origin="plausible: the flag is not looked at",
).always(False, "Replays are treated like first requests.")

defect(
    "sequence-everything-a-replay",
    replaces=ChannelSequencePolicy.is_replay,
    breaks=["SMB2-3.3.5.2.10-05"],
    origin="plausible: after a loss every request is held up until what came before is answered",
).always(True, "Every request is treated like a replay.")

defect(
    "sequence-replay-not-held-up",
    replaces=ChannelSequencePolicy.replay_is_held_up,
    breaks=["SMB2-3.3.5.2.10-11"],
    origin="plausible: no outstanding requests are counted",
).always(False, "A replay with the present number is executed beside requests of the past.")


defect(
    "sequence-replay-always-held-up",
    replaces=ChannelSequencePolicy.replay_is_held_up,
    breaks=["SMB2-3.3.5.2.10-10"],
    origin="plausible: a replay is expected to bring a newer number",
).always(True, "A replay with the present number is refused, whatever is outstanding.")


@defect(
    "sequence-replay-of-changes-only",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-3.3.5.2.10-16"],
    origin="plausible: the flag is allowed where it means something, as Samba allows it by dialect",
)
def _replay_of_changes_only(
    original: Callable[[Request], bool], self: MessagePolicy, request: Request
) -> bool:
    """A request other than CREATE, WRITE, SET_INFO and IOCTL is malformed if it has the replay flag."""
    flagged = request.header.has(HeaderFlags.REPLAY_OPERATION)
    return original(request) or (flagged and request.command not in _REPLAYED)


@defect(
    "sequence-replayed-write-not-executed",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.2.10-10", "SMB2-3.3.5.2.10-15"],
    origin="plausible: replays are answered from what was answered before, as some file servers do it",
)
def _replayed_write_not_executed(
    original: Callable[[Open, Request], None], self: ReplayPolicy, open_: Open, request: Request
) -> None:
    """A WRITE with the replay flag succeeds and writes nothing."""
    body = request.body
    if isinstance(body, WriteRequest) and self.is_replay(request):
        body.length, body.data = 0, b""
    original(open_, request)


@defect(
    "sequence-replay-held-up-by-the-present",
    replaces=ChannelSequencePolicy.replay_is_held_up,
    breaks=["SMB2-3.3.5.2.10-10"],
    origin="plausible: all outstanding requests are counted in one number",
)
def _held_up_by_the_present(
    original: Callable[[Open], bool], self: ChannelSequencePolicy, open_: Open
) -> bool:
    """A replay fails beside any outstanding request, also one of the present number."""
    return open_.outstanding_request_count + open_.outstanding_pre_request_count > 0


@defect(
    "sequence-replay-held-up-by-other-opens",
    replaces=ChannelSequencePolicy.replay_is_held_up,
    breaks=["SMB2-3.3.5.2.10-10"],
    origin="plausible: outstanding requests are counted for the session",
)
def _held_up_by_other_opens(
    original: Callable[[Open], bool], self: ChannelSequencePolicy, open_: Open
) -> bool:
    """A replay fails beside requests of the past on any open of the session."""
    opens = [open_] if open_.session is None else open_.session.open_table.values()
    return any(original(one) for one in opens)


defect(
    "sequence-newer-replay-refused",
    replaces=ChannelSequencePolicy.newer_replay_is_held_up,
    breaks=["SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-08", "SMB2-3.3.5.2.10-09"],
    origin="plausible: a replay is expected to have the number of what it repeats",
).always(True, "A replay with a newer number is refused, whatever is outstanding.")

defect(
    "sequence-newer-replay-not-held-up",
    replaces=ChannelSequencePolicy.newer_replay_is_held_up,
    breaks=["SMB2-3.3.5.2.10-13"],
    origin="Windows Server 2012 and Samba 4.17: MS-SMB2 note 273",
).always(False, "A replay with a newer number is executed beside outstanding requests.")

defect(
    "sequence-newer-replay-does-not-move",
    replaces=ChannelSequencePolicy.newer_replay_moves_on,
    breaks=["SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-08"],
    origin="plausible: a replay repeats, so it is not expected to change anything",
).always(False, "The newer number of a replay does not become that of the open.")


@defect(
    "sequence-interim-is-the-answer",
    replaces=ChannelSequencePolicy.is_settled_by,
    breaks=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-11"],
    origin="plausible: 3.3.4.1 says «response», and an interim response is one",
)
def _interim_is_the_answer(
    original: Callable[[Status | None], bool], self: ChannelSequencePolicy, status: Status | None
) -> bool:
    """A request is no longer outstanding when its interim response is sent."""
    return original(status) or status == Status.PENDING


def _never_settled(is_lost: Callable[[Status], bool], sentence: str) -> Settlement:
    def never_settled(
        original: Callable[[Status | None], bool], self: ChannelSequencePolicy, status: Status | None
    ) -> bool:
        return original(status) and not (status is not None and is_lost(status))

    never_settled.__doc__ = sentence
    return never_settled


defect(
    "sequence-cancelled-outstanding-for-ever",
    replaces=ChannelSequencePolicy.is_settled_by,
    breaks=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-15"],
    origin="plausible: cancelled requests leave by another way",
)(
    _never_settled(
        lambda status: status == Status.CANCELLED,
        "A request that was cancelled counts as outstanding for ever.",
    )
)

defect(
    "sequence-failed-outstanding-for-ever",
    replaces=ChannelSequencePolicy.is_settled_by,
    breaks=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-15"],
    origin="plausible: the count is lowered where a success is answered",
)(
    _never_settled(
        lambda status: status >> 30 == _ERROR and status != Status.CANCELLED,
        "A request that failed counts as outstanding for ever.",
    )
)

defect(
    "sequence-answered-outstanding-for-ever",
    replaces=ChannelSequencePolicy.is_settled_by,
    breaks=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-15"],
    origin="plausible: the count is never lowered",
)(_never_settled(lambda _: True, "A request counts as outstanding for ever."))


@defect(
    "sequence-settled-by-number",
    replaces=ChannelSequencePolicy.is_of_the_present,
    breaks=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-10"],
    origin="Samba bug 13215: a request that outlived a round of the numbers tripped an assertion",
)
def _settled_by_number(
    original: Callable[[Open, Request], bool], self: ChannelSequencePolicy, open_: Open, request: Request
) -> bool:
    """What an answered request counts as is told by its number, also when the numbers have come round."""
    return self.of_request(request) == open_.channel_sequence


defect(
    "sequence-settled-as-present",
    replaces=ChannelSequencePolicy.is_of_the_present,
    breaks=["SMB2-3.3.5.2.10-15", "SMB2-3.3.4.1-02"],
    origin="plausible: one number is lowered for all",
).always(True, "Every answered request counts as one of the present.")
