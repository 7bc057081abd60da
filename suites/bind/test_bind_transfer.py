"""Work that is spread over the channels of a session, and channels that have none ([MS-SMB2] 3.3.5.2,
3.3.5.5).
"""

from smbtorture_py.client.negotiate import negotiate
from smbtorture_py.conformance.answer import Protection
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import CLEAR_SESSIONS, LARGE_MTU, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.status import Status
from suites.bind.protections import DIALECTS
from suites.signing.test_signing_chains import chain, related

CREDIT = 65536
"""Bytes that one credit pays for."""

ROUNDS = 4
CROWD = 31
"""Connections beside the first one: as many channels as the known servers give a session."""

IDLE = 20.0
"""Seconds."""


@case(
    "bind.striped",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL, LARGE_MTU],
    variants={"dialect": DIALECTS, "credits": [1, 4]},
    answers=["smbtorture:hole.striping", "smbtorture:hole.large-mtu-per-channel"],
)
def test_a_file_is_written_and_read_over_all_channels(lab: Lab, credits: int) -> None:
    """What is written in turn over three channels, all of it under way at once, is read back the same way."""
    session = lab.logon()
    channels = [session.connection, session.add_channel(), session.add_channel()]
    file, size = session.tree().open(), credits * CREDIT
    pieces = [lab.entropy(size) for _ in range(ROUNDS * len(channels))]
    places = [(channels[number % len(channels)], number * size, piece) for number, piece in enumerate(pieces)]
    writes = [file.write(piece, offset, on=channel, wait=False) for channel, offset, piece in places]
    for answer in writes:
        check(answer.wait(), specification=Status.SUCCESS)
    # Each piece is read over another channel than it was written over.
    reads = [
        file.read(offset, size, on=channels[channels.index(channel) - 1], wait=False)
        for channel, offset, _ in places
    ]
    for answer, (_, _, piece) in zip(reads, places, strict=True):
        check(answer.wait(), specification=Status.SUCCESS)
        check.that(answer, "the piece read is the one written", answer.data == piece, specification=True)
    check.alive(session)


@case(
    "bind.compound-on-another-channel",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "style": ["related", "unrelated"]},
    answers=["smbtorture:hole.compound-over-channels"],
)
def test_a_chain_goes_over_another_channel(lab: Lab, style: str) -> None:
    """Requests chained in one frame serve a file that was opened over another channel, signed with their own
    channel's key.
    """
    session = lab.logon()
    file = session.tree().open()
    second = session.add_channel()
    members = related(chain(file)) if style == "related" else chain(file)
    for answer in second.send_compound(members, related=style == "related"):
        check(answer, specification=Status.SUCCESS)
        check.protection(answer, specification=Protection.SIGNED)
    check.alive(session)


@case(
    "bind.negotiations-at-once",
    requirements=["SMB2-3.3.5.5-43", "SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL],
    disturbs=Disturbance.FLOOD,
    answers=["smbtorture:multichannel.bugs.bug_15346", "smbtorture:hole.connection-flood"],
)
def test_many_connections_negotiate_at_once(lab: Lab) -> None:
    """Thirty-one connections of one client negotiate while one another does; each becomes a channel that
    knows the file.
    """
    session = lab.logon()
    root = session.tree().open()
    count = min(CROWD, (lab.target.channel_limit or CROWD + 1) - 1)
    connections = [lab.open_connection() for _ in range(count)]
    dialect = session.core.connection.dialect
    offer = lab.offer(dialect=dialect)
    running = lab.drive_together([negotiate(one.core, offer) for one in connections])
    check.that(
        lab,
        "connections that were answered",
        sum(one.exchange.status == Status.SUCCESS for one in running),
        specification=count,
    )
    for connection in connections:
        check(connection.bind(session), requirement="SMB2-3.3.5.5-33", specification=Status.SUCCESS)
        answer = root.query_info(InfoType.FILE, FileInformationClass.FILE_STANDARD_INFORMATION, on=connection)
        check(answer, requirement="SMB2-3.3.5.5-33", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.idle",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL],
    slow=True,
    variants={"idle": ["all", "all-but-the-first"]},
    answers=["smbtorture:hole.echo-idle"],
)
def test_channels_without_work_stay(lab: Lab, idle: str) -> None:
    """Channels that had nothing to do for a while answer an ECHO, and serve the session."""
    session = lab.logon()
    file = session.tree().open()
    channels = [session.connection, session.add_channel(), session.add_channel()]
    for _ in range(ROUNDS):
        lab.pause(IDLE / ROUNDS)
        if idle != "all":
            check(file.write(b"work", on=channels[0]), specification=Status.SUCCESS)
    for channel in channels:
        check(channel.echo(session), specification=Status.SUCCESS)
        check(file.write(b"woken up", on=channel), specification=Status.SUCCESS)
    check.alive(session)
