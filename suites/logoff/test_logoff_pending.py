"""What waits when a session logs off: its own requests, and those it is in the way of ([MS-SMB2] 3.3.5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen, LabSession
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.status import Status
from suites.tree.dialects import DIALECTS, SMB_3

SEVERAL: Final = 5


def watch(directory: LabOpen, on: LabConnection | None = None) -> Answer:
    """A CHANGE_NOTIFY that waits for a new name."""
    channel = on or directory.tree.session.connection
    answer = directory.change_notify(CompletionFilter.FILE_NAME, wait=False, on=channel)
    answer.wait_pending()
    return answer


def queue(opened: LabOpen, on: LabConnection | None = None) -> Answer:
    """A LOCK that waits for that of another session."""
    channel = on or opened.tree.session.connection
    answer = opened.lock(fail_immediately=False, wait=False, on=channel)
    answer.wait_pending()
    return answer


def by_logoff(session: LabSession) -> None:
    """End a session with LOGOFF."""
    session.logoff().required()


def by_loss(session: LabSession) -> None:
    """End a session with its connection."""
    session.connection.close()


@case("logoff.answers-all", requirements=["SMB2-3.3.5.6-06"], variants={"dialect": DIALECTS})
def test_logoff_answers_every_notification(lab: Lab) -> None:
    """LOGOFF ends every CHANGE_NOTIFY of the session, on two trees, two of them on one directory."""
    session = lab.logon()
    trees = [session.tree(), session.tree()]
    directories = [trees[number % 2].directory() for number in range(SEVERAL)]
    pending = [watch(directory) for directory in [*directories, directories[0]]]
    check(session.logoff(), specification=Status.SUCCESS)
    for answer in pending:
        check(answer.wait(), specification=Status.NOTIFY_CLEANUP)
    check.alive(lab.logon(connection=session.channels[0]))


@case(
    "logoff.answers-other-channels",
    requirements=["SMB2-3.3.5.6-09"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3, "number": [0, 1], "request": ["notify", "lock"]},
    answers=["smbtorture:hole.logoff-other-channel"],
)
def test_logoff_answers_on_every_channel(lab: Lab, number: int, request: str) -> None:
    """LOGOFF over one channel ends what waits on another one, where the answer comes."""
    # Encrypted, the answer could not be opened where it comes after that to the LOGOFF on the other channel.
    lab.require_clear_sessions()
    session, other = lab.logon(), lab.logon()
    session.add_channel()
    here, there = session.channels[number], session.channels[1 - number]
    tree = session.tree()
    if request == "notify":
        pending = watch(tree.directory(), there)
    else:
        opened = tree.open()
        other.tree().open(opened.core.file_name).lock().required()
        pending = queue(opened, there)
    check(session.logoff(on=here), specification=Status.SUCCESS)
    check(
        pending.wait(),
        specification=Status.NOTIFY_CLEANUP if request == "notify" else Status.CANCELLED,
        permitted_by_the_store=Status.RANGE_NOT_LOCKED,
    )
    check.alive(other)


@case(
    "logoff.spares-others",
    requirements=["SMB2-3.3.5.6-07"],
    variants={"dialect": DIALECTS, "first": [True, False]},
)
def test_logoff_leaves_another_session_alone(lab: Lab, first: bool) -> None:
    """Of two sessions on one connection one logs off: files and what is pending of the other one go on."""
    one = lab.logon()
    both = (one, lab.logon(connection=one.connection))
    going, staying = both if first else reversed(both)
    tree = staying.tree()
    file, directory = tree.open(), tree.directory()
    pending = watch(directory)
    watch(going.tree().directory())
    check(going.logoff(), specification=Status.SUCCESS)
    check(file.write(b"still here"), specification=Status.SUCCESS)
    check(tree.create(f"{directory.core.file_name}\\new"), specification=Status.SUCCESS)
    check(pending.wait(), specification=Status.SUCCESS)
    check.alive(staying)


@case(
    "logoff.releases-locks",
    requirements=["SMB2-3.3.5.6-08", "SMB2-3.3.7.1-06"],
    variants={"end": [by_logoff, by_loss], "exclusive": [True, False]},
)
def test_the_end_of_a_session_releases_locks(
    lab: Lab, end: Callable[[LabSession], None], exclusive: bool
) -> None:
    """A LOCK of another session that waits for one of a session is granted when that ends."""
    session, other = lab.logon(), lab.logon()
    holder = session.tree().open()
    holder.lock(exclusive=exclusive).required()
    waiting = queue(other.tree().open(holder.core.file_name))
    end(session)
    of = "SMB2-3.3.5.6-08" if end is by_logoff else "SMB2-3.3.7.1-06"
    check(waiting.wait(), requirement=of, specification=Status.SUCCESS)
    check.alive(other)


@case(
    "logoff.ends-breaks",
    requirements=["SMB2-3.3.5.6-08", "SMB2-3.3.7.1-06"],
    variants={"end": [by_logoff, by_loss], "level": [OplockLevel.BATCH, OplockLevel.EXCLUSIVE]},
)
def test_the_end_of_a_session_ends_oplock_breaks(
    lab: Lab, end: Callable[[LabSession], None], level: OplockLevel
) -> None:
    """A CREATE of another session that waits for an oplock break goes on as soon as the session ends."""
    session, other = lab.logon(), lab.logon()
    holder = session.tree().open(requested_oplock_level=level)
    waiting = other.tree().create(holder.core.file_name, wait=False)
    session.connection.wait_notification(OplockBreakNotification)
    end(session)
    of = "SMB2-3.3.5.6-08" if end is by_logoff else "SMB2-3.3.7.1-06"
    check(waiting.wait(), requirement=of, specification=Status.SUCCESS)
    check.alive(other)


@case(
    "logoff.loss-with-three-sessions",
    requirements=["SMB2-3.3.7.1-11", "SMB2-3.3.7.1-06"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3, "kept": [0, 1, 2]},
)
def test_a_connection_with_three_sessions_is_lost(lab: Lab, kept: int) -> None:
    """Of three sessions on a lost connection one has another channel and keeps its lock."""
    other = lab.logon()
    sessions = [lab.logon()]
    sessions += [lab.logon(connection=sessions[0].connection) for _ in range(2)]
    staying = sessions[kept]
    staying.add_channel()
    holders = [session.tree().open() for session in sessions]
    tree = other.tree()
    waiting = []
    for holder in holders:
        holder.lock().required()
        waiting.append(queue(tree.open(holder.core.file_name)))
    sessions[0].channels[0].close()
    for number, answer in enumerate(waiting):
        if number != kept:
            check(answer.wait(), requirement="SMB2-3.3.7.1-06", specification=Status.SUCCESS)
    check(holders[kept].unlock(), specification=Status.SUCCESS)
    check(waiting[kept].wait(), specification=Status.SUCCESS)
    check.alive(staying)


@case("logoff.reserved", requirements=["SMB2-2.2.7-01"], variants={"dialect": DIALECTS})
def test_reserved_of_a_logoff_is_ignored(lab: Lab) -> None:
    """What stands in Reserved of LOGOFF does not matter."""

    def fill(message: Message) -> None:
        assert isinstance(message.body, LogoffRequest)
        message.body.reserved = 0xFFFF

    session = lab.logon()
    check(session.logoff(tamper=Tamper(message=fill)), specification=Status.SUCCESS)
    check.alive(lab.logon(connection=session.channels[0]))


@case(
    "logoff.two-of-one-client",
    requirements=["SMB2-3.3.5.6-01", "SMB2-3.3.5.17-01"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:session.two_logoff"],
)
def test_two_sessions_of_one_client_log_off(lab: Lab) -> None:
    """Two connections with one ClientGuid log their sessions off one after the other; a connection without a
    session may be closed on an ECHO, the other one is not concerned.
    """
    first, second = lab.logon(), lab.logon()
    left, gone = first.connection, second.connection
    check(second.logoff(), specification=Status.SUCCESS)
    answer = gone.echo()
    check(answer, requirement="SMB2-3.3.5.17-01", specification=DISCONNECT, answered=Status.SUCCESS)
    gone.close()
    check.alive(first)
    check(first.logoff(), specification=Status.SUCCESS)
    check.alive(lab.logon(connection=left))
