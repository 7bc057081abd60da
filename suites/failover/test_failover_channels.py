"""Channels that go one after the other or together, and those that come in their place ([MS-SMB2] 3.3.7.1,
3.3.5.5.2, 3.2.4.1.7).
"""

from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.conformance.administration import DeclaredInterface
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection
from smbtorture_py.conformance.needs import (
    ADDRESS_CHANGE,
    ADMINISTRATION,
    BLACKHOLE,
    DECLARED_INTERFACES,
    ENCRYPTED_SHARE,
    ENCRYPTION,
    MULTI_CHANNEL,
    SECOND_ADDRESS,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.chain import decode_entries
from smbtorture_py.wire.create import ShareAccess
from smbtorture_py.wire.fscc.directory_information import FileNamesInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, lose
from suites.failover.ways import ENDS, PLACES, impatient, place_of

KNOWN_LIMIT = 32
"""Channels that every server allows which declares no other limit."""

SEVERAL = 6
WANTED = 4
FILES = 40
SMALL = 512
"""Bytes of an answer that not all of these names fit into."""

FAST = 40_000_000_000
SLOW = 1_000_000
NEEDS = [SMB3, MULTI_CHANNEL]


def limit(lab: Lab) -> int:
    """How many channels a session may have."""
    return lab.target.channel_limit or KNOWN_LIMIT


def stay() -> FailoverPolicy:
    """A client that binds nothing in place of what is lost, and does not insist where a bind is refused."""
    return impatient(rebinds=False, interface_pause=60.0)


@case(
    "failover.one-after-the-other",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.7.1-03"],
    needs=NEEDS,
    variants=[
        {"fault": FaultKind.CLOSE, "order": "oldest"},
        {"fault": FaultKind.RESET, "order": "newest"},
        {"fault": FaultKind.RESET, "order": "inside-out"},
    ],
    answers=["smbtorture:hole.loss-first-channel"],
)
def test_channels_fail_one_after_the_other(lab: Lab, fault: FaultKind, order: str) -> None:
    """As many channels as there may be fail one after the other: every WRITE in between is kept, up to the
    last channel.
    """
    client = lab.multichannel_session(channels=limit(lab), policy=stay())
    file = client.open()
    made = client.channels
    middle = len(made) // 2
    inside_out = sorted(made, key=lambda one: abs(made.index(one) - middle))
    dying = {"oldest": made, "newest": made[::-1], "inside-out": inside_out}[order]
    check.that(client, "channels", len(dying), specification=limit(lab))
    for number, channel in enumerate(dying[:-1]):
        answer = file.write(bytes([number]), number, on=channel)
        check(answer, specification=Status.SUCCESS)
        channel.faults.arm(fault, Position.INSIDE_RESPONSE)
        answer = file.write(bytes([number + 1]), number + 1, on=channel)
        check(answer, specification=Status.SUCCESS)
    check.that(client, "channels that are left", client.channels == dying[-1:], specification=True)
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(len(dying))))
    check.alive(client.session)


@case(
    "failover.all-but-one",
    requirements=["SMB2-3.3.7.1-01"],
    needs=[*NEEDS, BLACKHOLE],
    variants={"fault": ENDS, "place": PLACES},
)
def test_all_channels_but_one_fail_at_once(lab: Lab, fault: FaultKind, place: str) -> None:
    """All channels but one fail at once, with a WRITE under way on each: the one left does them all."""
    client = lab.multichannel_session(channels=SEVERAL, policy=stay())
    file = client.open()
    channels = client.channels
    left = channels[place_of(place, len(channels))]
    answers = []
    for number, channel in enumerate(channels):
        if channel is not left:
            channel.faults.arm(fault, Position.BEFORE_REQUEST if number % 2 else Position.AFTER_EXECUTION)
        answers.append(file.write(bytes([number]), number, on=channel, wait=False))
    for answer in answers:
        check(answer.wait(), specification=Status.SUCCESS)
    check.that(client, "channels that are left", client.channels == [left], specification=True)
    held = bytes(range(len(channels)))
    check.that(file, "what the file holds", file.read().data, specification=held)
    check.alive(client.session)


@case(
    "failover.bound-again",
    requirements=["SMB2-3.3.5.5-46", "SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants={"fault": NOTICED, "lost": [1, WANTED - 1]},
    answers=["smbtorture:hole.rebind-after-loss"],
)
def test_lost_channels_are_replaced(lab: Lab, fault: FaultKind, lost: int) -> None:
    """The client binds as many channels as it has lost, and each of the new ones carries its requests."""
    client = lab.multichannel_session(channels=WANTED)
    file = client.open()
    before = client.channels
    for channel in before[:lost]:
        lose(channel, fault)
    client.wait(lambda: before[0] not in client.channels and len(client.channels) == WANTED)
    client.step()
    new = [channel for channel in client.channels if channel not in before]
    check.that(client, "new channels", len(new), specification=lost)
    for number, channel in enumerate(client.channels):
        check(file.write(bytes([number]), number, on=channel), specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(WANTED)))
    check.alive(client.session)


@case(
    "failover.bound-again-at-the-limit",
    requirements=["SMB2-3.3.5.5-46"],
    needs=NEEDS,
    disturbs=Disturbance.LIMIT,
    answers=["smbtorture:hole.slot-reuse"],
)
def test_lost_channels_are_replaced_at_the_limit(lab: Lab) -> None:
    """With as many channels as there may be, some of them are lost, and the client binds as many again."""
    client = lab.multichannel_session(channels=limit(lab), policy=impatient())
    file = client.open()
    before = client.channels
    for channel in before[::8]:
        channel.abort()
    client.wait(lambda: not set(before[::8]).intersection(client.channels))
    client.wait(lambda: len(client.channels) == limit(lab))
    check.that(client, "channels", len(client.channels), specification=limit(lab))
    for number, channel in enumerate(client.channels):
        check(file.write(bytes([number]), number, on=channel), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.generations",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.7.1-03"],
    needs=NEEDS,
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET], "place": ["first", "last"]},
)
def test_a_session_outlives_its_first_channels(lab: Lab, fault: FaultKind, place: str) -> None:
    """Loss by loss all first channels of a client are replaced: lock and content are as they were."""
    client, other = lab.multichannel_session(channels=3), lab.another_client()
    file = client.open(contexts=[])
    file.lock().required()
    rival = other.tree().open(file.core.file_name)
    first = client.session.session_id
    generation = client.channels
    for number in range(2 * len(generation)):
        channel = client.channels[place_of(place, len(client.channels))]
        channel.faults.arm(fault, Position.AFTER_EXECUTION)
        check(file.write(bytes([number]), number, on=channel), specification=Status.SUCCESS)
        client.step()
        check(rival.lock(), specification=Status.LOCK_NOT_GRANTED)
    check.that(client, "it is the same session", client.session.session_id == first, specification=True)
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(6)))
    check.alive(client.session)


@case(
    "failover.last-of-its-address",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-46"],
    needs=[*NEEDS, SECOND_ADDRESS],
    variants={"fault": NOTICED, "lost": [0, 1]},
)
def test_all_channels_of_one_address_fail(lab: Lab, fault: FaultKind, lost: int) -> None:
    """A session has channels to two addresses and loses those to one: over the other it goes on, and is bound
    again to both.
    """
    session = lab.logon()
    for address in (0, 1, 1):
        session.add_channel(address)
    file = session.tree().open()
    for channel in session.channels[2:] if lost else session.channels[:2]:
        lose(channel, fault)
    for channel in list(session.must_be_alive):
        check(file.write(b"x", on=channel), specification=Status.SUCCESS)
    for address in (0, 1):
        channel = lab.connect(address)
        check(channel.bind(session), requirement="SMB2-3.3.5.5-46", specification=Status.SUCCESS)
        check(file.write(b"y", on=channel), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "failover.bind-while-another-dies",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-46"],
    needs=NEEDS,
    variants={"fault": NOTICED, "lost": ["first", "last"]},
)
def test_a_channel_dies_while_another_is_bound(lab: Lab, fault: FaultKind, lost: str) -> None:
    """Between the legs of a bind another channel of the session dies: the bind succeeds all the same."""
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    connection = lab.connect()
    half = connection.begin_bind(session)
    half.first.required(Status.MORE_PROCESSING_REQUIRED)
    lose(session.channels[place_of(lost, 2)], fault)
    lab.settle()
    check(half.finish(), specification=Status.SUCCESS)
    check(file.write(b"x", on=connection), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "failover.bind-while-the-last-dies",
    requirements=["SMB2-3.3.7.1-07"],
    needs=NEEDS,
    variants={"fault": NOTICED},
)
def test_the_last_channel_dies_while_another_is_bound(lab: Lab, fault: FaultKind) -> None:
    """Between the legs of a bind the only channel of the session dies: the session is gone, and the bind
    fails.
    """
    session, other = lab.logon(), lab.another_client()
    session.tree().open()
    connection = lab.connect()
    half = connection.begin_bind(session)
    half.first.required(Status.MORE_PROCESSING_REQUIRED)
    lose(session.channels[0], fault)
    lab.settle()
    check(half.finish(), specification=Status.USER_SESSION_DELETED, samba=Status.SUCCESS)
    check.alive(other)


@case(
    "failover.logoff-on-what-is-left",
    requirements=["SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET], "place": PLACES},
)
def test_a_session_is_logged_off_over_what_is_left(lab: Lab, fault: FaultKind, place: str) -> None:
    """One of three channels is lost, then a LOGOFF comes over another: session and files are gone."""
    session, other = lab.logon(), lab.another_client()
    session.add_channel()
    session.add_channel()
    file = session.tree().open(share_access=ShareAccess.NONE)
    lose(session.channels[place_of(place, 3)], fault)
    check(session.logoff(on=session.must_be_alive[-1]), specification=Status.SUCCESS)
    check(other.tree().create(file.name), specification=Status.SUCCESS)
    check.alive(other)


@case(
    "failover.listing-goes-on",
    requirements=["SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET], "place": ["first", "last"]},
)
def test_a_listing_goes_on_over_another_channel(lab: Lab, fault: FaultKind, place: str) -> None:
    """The channel of a directory listing is lost half way: over the other one it goes on where it was."""
    session = lab.logon()
    session.add_channel()
    tree = session.tree()
    directory = tree.directory()
    wanted = [f"{number:03}" for number in range(FILES)]
    for name in wanted:
        tree.open(f"{directory.name}\\{name}").close().required()
    request = QueryDirectoryRequest(
        file_information_class=FileInformationClass.FILE_NAMES_INFORMATION,
        file_id=directory.file_id,
        output_buffer_length=SMALL,
        file_name="*",
    )
    dying = session.channels[place_of(place, 2)]
    channel: LabConnection = dying
    names: list[str] = []
    while True:
        answer = directory.send(request, on=channel)
        if answer.actual is Status.NO_MORE_FILES:
            break
        check(answer, specification=Status.SUCCESS)
        names += [entry.file_name for entry in decode_entries(FileNamesInformation, answer.data, [])]
        if channel is dying:
            lose(dying, fault)
            channel = session.must_be_alive[0]
    found = sorted(name for name in names if name not in (".", ".."))
    check.that(directory, "every name comes once", found == wanted, specification=True)
    check.alive(session)


@case(
    "failover.encrypted",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-36"],
    needs=[*NEEDS, ENCRYPTION, ENCRYPTED_SHARE],
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET]},
)
def test_an_encrypted_share_over_what_is_left(lab: Lab, fault: FaultKind) -> None:
    """A file on an encrypted share is written while channel by channel dies: everything is there."""
    client = lab.multichannel_session(share=ShareRole.ENCRYPTED, channels=3, policy=stay())
    file = client.open()
    session = client.session
    *dying, _ = client.channels
    for number, channel in enumerate(dying):
        channel.faults.arm(fault, Position.AFTER_EXECUTION)
        check(file.write(bytes([number]), number, on=channel), specification=Status.SUCCESS)
    check.that(client, "it is the same session", client.session is session, specification=True)
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(len(dying))))
    check.alive(client.session)


@case(
    "failover.address-goes",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-46"],
    needs=[*NEEDS, ADDRESS_CHANGE, SECOND_ADDRESS],
    disturbs=Disturbance.INTERFACES,
    variants={"gone": [0, 1]},
)
def test_an_address_goes_and_comes_back(lab: Lab, gone: int) -> None:
    """The server loses the address of some channels: the session goes on over the other address, and is bound
    to the first again when that is back.
    """
    session = lab.logon()
    for address in (0, 1, 1):
        session.add_channel(address)
    file = session.tree().open()
    lost = session.channels[2:] if gone else session.channels[:2]
    for channel in lost:
        channel.may_be_lost = True
    host = lab.addresses[gone].host
    lab.control.remove_address(host)
    lab.wait(lambda: all(channel.is_lost for channel in lost))
    for channel in list(session.must_be_alive):
        check(file.write(b"x", on=channel), specification=Status.SUCCESS)
    lab.control.add_address(host)
    back = lab.connect(gone)
    check(back.bind(session), requirement="SMB2-3.3.5.5-46", specification=Status.SUCCESS)
    check(file.write(b"y", on=back), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "failover.falls-back",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-46"],
    needs=[*NEEDS, ADDRESS_CHANGE, SECOND_ADDRESS],
    disturbs=Disturbance.INTERFACES,
)
def test_a_client_falls_back_to_a_lesser_interface(lab: Lab) -> None:
    """The best interface goes with all channels but one to a lesser one: the client moves there, and back
    again when the better one returns.
    """
    client = lab.multichannel_session(channels=3, policy=FailoverPolicy(interface_pause=1.0))
    file = client.open(contexts=[])
    file.lock().required()
    session, host = client.session, lab.addresses[0].host
    lesser = session.add_channel(1)
    client.core.adopt(lesser.core, None)
    for channel in client.channels:
        channel.may_be_lost = channel is not lesser
    lab.control.remove_address(host)
    client.wait(lambda: host not in hosts(client.channels))
    check(file.write(b"x"), specification=Status.SUCCESS)
    lab.control.add_address(host)
    client.wait(lambda: host in hosts(client.channels))
    check.that(client, "it is the same session", client.session is session, specification=True)
    check(file.write(b"y"), specification=Status.SUCCESS)
    check(file.unlock(), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.interface-comes",
    requirements=["SMB2-3.3.5.15.11-11", "SMB2-3.3.7.1-01"],
    needs=[*NEEDS, ADMINISTRATION, DECLARED_INTERFACES, SECOND_ADDRESS],
    disturbs=Disturbance.INTERFACES,
)
def test_a_client_moves_to_a_better_interface(lab: Lab) -> None:
    """A better interface appears: the client binds its channels over that and closes the others, and its file
    does not notice.
    """
    near, far = (address.host for address in lab.addresses[:2])
    slow = DeclaredInterface(interface=1, address=near, link_speed=SLOW)
    fast = DeclaredInterface(interface=2, address=far, link_speed=FAST, rss=True)
    lab.administration.set_interfaces([slow])
    client = lab.multichannel_session(channels=3)
    file = client.open(contexts=[])
    file.lock().required()
    check.that(client, "they are the slow one's", hosts(client.channels) == {near}, specification=True)
    lab.administration.set_interfaces([slow, fast])
    client.refresh()
    client.step()
    check.that(client, "they are the fast one's", hosts(client.channels) == {far}, specification=True)
    check(file.write(b"x"), requirement="SMB2-3.3.7.1-01", specification=Status.SUCCESS)
    check(file.unlock(), requirement="SMB2-3.3.7.1-01", specification=Status.SUCCESS)
    check.alive(client.session)


def hosts(channels: list[LabConnection]) -> set[str]:
    """Return where channels go to."""
    return {channel.link.remote.host for channel in channels}
