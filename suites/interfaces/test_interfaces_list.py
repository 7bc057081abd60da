"""What the list of interfaces says ([MS-SMB2] 2.2.32.5, 3.3.5.15.11)."""

from ipaddress import ip_address

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import at_least, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabSession
from smbtorture_py.conformance.needs import DECLARED_INTERFACES, MULTI_CHANNEL, SECOND_ADDRESS, SMB3
from smbtorture_py.net.core import Unreachable
from smbtorture_py.wire.codec import FILE_ID_ANY, HEADER_SIZE
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    AddressFamily,
    InterfaceCapability,
    NetworkInterfaceInfo,
    decode_list,
)
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

NEEDS = [SMB3, MULTI_CHANNEL]
DECLARED = [*NEEDS, DECLARED_INTERFACES]
DIALECTS = [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
BUFFER_OFFSET = HEADER_SIZE + IoctlResponse.STRUCTURE_SIZE - 1
ALIGNMENT = 8
ENTRY_SIZE = 152
SLOWEST_LINK = 1_000_000


@case(
    "interfaces.answered",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=NEEDS,
    variants={"dialect": DIALECTS},
    answers=["smbtorture:multichannel.generic.interface_info", "ms:hole.slip-interfaces-vacuous"],
)
def test_the_query_is_answered(lab: Lab) -> None:
    """A client that negotiated multichannel is told at least one interface."""
    session = lab.logon()
    answer = session.query_interfaces()
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "entries in the list", len(decode_list(answer.data, [])), specification=at_least(1))
    check.alive(session)


@case(
    "interfaces.response-fields",
    requirements=["SMB2-3.3.5.15.11-06", "SMB2-3.3.5.15.11-07", "SMB2-3.3.5.15.11-08"],
    needs=NEEDS,
    answers=["smbtorture:hole.slip-interface-list"],
)
def test_the_response_has_its_fixed_fields(lab: Lab) -> None:
    """The response names the control code, no file, no flags, and says where the list is and how long."""
    session = lab.logon()
    answer = session.query_interfaces()
    check(answer, specification=Status.SUCCESS)
    body = answer.body(IoctlResponse)
    check.field(answer, "input_offset", requirement="SMB2-3.3.5.15.11-07", specification=BUFFER_OFFSET)
    check.field(answer, "input_count", requirement="SMB2-3.3.5.15.11-08", specification=0)
    check.field(answer, "ctl_code", specification=FsctlCode.QUERY_NETWORK_INTERFACE_INFO)
    check.that(answer, "FileId is all ones", body.file_id == FILE_ID_ANY, specification=True)
    check.field(answer, "flags", specification=0)
    check.field(answer, "reserved", specification=0)
    check.field(answer, "reserved2", specification=0)
    end = body.input_offset + body.input_count
    check.field(answer, "output_offset", specification=end + -end % ALIGNMENT)
    check.that(answer, "bytes of output there are", len(body.output), specification=body.output_count)
    check.alive(session)


@case(
    "interfaces.chain",
    requirements=["SMB2-2.2.32.5-02", "SMB2-2.2.32.5-01"],
    needs=NEEDS,
    answers=[
        "smbtorture:multichannel.generic.interface_info",
        "smbtorture:hole.slip-interface-list",
        "smbtorture:hole.interface-alignment",
    ],
)
def test_the_entries_are_a_chain(lab: Lab) -> None:
    """Next leads to each following entry, aligned to eight bytes; in the last one it is zero."""
    session = lab.logon()
    answer = session.query_interfaces()
    steps = [entry.next for entry in decode_list(answer.required().data, [])]
    for number, step in enumerate(steps[:-1], start=1):
        check.that(answer, f"Next of entry {number}", step, specification=at_least(ENTRY_SIZE))
        check.that(answer, f"Next of entry {number} modulo 8", step % ALIGNMENT, specification=0)
    check.that(answer, "Next of the last entry", steps[-1:], specification=lambda found: found == [0])
    check.that(
        answer,
        "bytes after the last entry",
        len(answer.data) - sum(steps) - ENTRY_SIZE,
        requirement="SMB2-2.2.32.5-01",
        specification=0,
    )
    check.alive(session)


@case(
    "interfaces.reserved",
    requirements=["SMB2-2.2.32.5-01"],
    needs=NEEDS,
    answers=["smbtorture:hole.slip-interface-list"],
)
def test_the_reserved_field_is_zero(lab: Lab) -> None:
    """Reserved is zero in every entry."""
    session = lab.logon()
    reserved = {entry.reserved for entry in session.interfaces()}
    check.that(session, "Reserved of every entry", reserved == {0}, specification=True)
    check.alive(session)


@case(
    "interfaces.index-zero",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-index"],
)
def test_no_interface_has_index_zero(lab: Lab) -> None:
    """No entry is of an interface with index zero."""
    session = lab.logon()
    found = session.interfaces()
    check.that(session, "an IfIndex is zero", any(one.if_index == 0 for one in found), specification=False)
    check.alive(session)


@case(
    "interfaces.capability-bits",
    requirements=["SMB2-2.2.32.5-03"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-capability"],
)
def test_capability_has_known_bits_only(lab: Lab) -> None:
    """Capability has no other bits than RSS_CAPABLE and RDMA_CAPABLE."""
    session = lab.logon()
    known = InterfaceCapability.RSS_CAPABLE | InterfaceCapability.RDMA_CAPABLE
    others = {int(entry.capability) & ~int(known) for entry in session.interfaces()}
    check.that(session, "no other bit of Capability is set", others == {0}, specification=True)
    check.alive(session)


@case(
    "interfaces.link-speed",
    requirements=["SMB2-2.2.32.5-04"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-speed"],
)
def test_the_link_speed_is_in_bits_a_second(lab: Lab) -> None:
    """No LinkSpeed is so small that it must have been counted in megabits."""
    session = lab.logon()
    slowest = min((entry.link_speed for entry in session.interfaces()), default=0)
    check.that(session, "1 Mbit/s or more everywhere", slowest >= SLOWEST_LINK, specification=True)
    check.alive(session)


@case(
    "interfaces.family",
    requirements=["SMB2-2.2.32.5.1-01"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-family"],
)
def test_the_family_is_ipv4_or_ipv6(lab: Lab) -> None:
    """Every Family is InterNetwork or InterNetworkV6."""
    session = lab.logon()
    families = {entry.sock_addr_storage.family for entry in session.interfaces()}
    check.that(session, "no other Family", families <= set(AddressFamily), specification=True)
    check.alive(session)


@case(
    "interfaces.socket-address-rest",
    requirements=["SMB2-2.2.32.5.1-03"],
    needs=NEEDS,
    answers=["smbtorture:hole.slip-interface-list", "smbtorture:hole.interface-sockaddr"],
)
def test_the_rest_of_a_socket_address_is_zero(lab: Lab) -> None:
    """Port, FlowInfo, ScopeId and the bytes after the address are zero."""
    session = lab.logon()
    found = [entry.sock_addr_storage for entry in session.interfaces()]
    check.that(session, "every Port is 0", all(one.port == 0 for one in found), specification=True)
    check.that(session, "every FlowInfo is 0", all(one.flow_info == 0 for one in found), specification=True)
    check.that(
        session,
        "every ScopeId is 0",
        all(one.scope_id == 0 for one in found),
        specification=True,
        windows=False,
    )
    check.that(session, "the rest is 0", not any(any(one.reserved) for one in found), specification=True)
    check.alive(session)


@case("interfaces.no-duplicates", requirements=["SMB2-3.3.5.15.11-03"], needs=NEEDS)
def test_each_address_is_listed_once(lab: Lab) -> None:
    """There is one entry for each address, not more."""
    session = lab.logon()
    found = [entry.address for entry in session.interfaces()]
    check.that(session, "addresses listed twice", len(found) - len(set(found)), specification=0)
    check.alive(session)


@case("interfaces.usable-addresses", requirements=["SMB2-2.2.32.5.1-02"], needs=NEEDS)
def test_no_address_is_of_nobody_or_of_a_group(lab: Lab) -> None:
    """No entry has the unspecified address or one of a group."""
    session = lab.logon()
    found = [entry.address for entry in session.interfaces()]
    unusable = [one for one in found if one is None or one.is_unspecified or one.is_multicast]
    check.that(session, "unspecified or multicast addresses", len(unusable), specification=0)
    check.alive(session)


@case(
    "interfaces.unreachable-from-elsewhere",
    requirements=["SMB2-3.3.5.15.11-09"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-loopback"],
)
def test_loopback_and_link_local_addresses_are_left_out(lab: Lab) -> None:
    """A client on another machine is not sent to loopback or link-local addresses."""
    session = lab.logon()
    found = [entry.address for entry in session.interfaces() if entry.address is not None]
    here = any(ip_address(address.host).is_loopback for address in lab.addresses)
    useless = [one for one in found if one.is_link_local or (one.is_loopback and not here)]
    check.that(session, "loopback or link-local addresses", len(useless), specification=0)
    check.alive(session)


@case(
    "interfaces.address-in-use",
    requirements=["SMB2-3.3.5.15.11-05"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-current"],
)
def test_the_address_in_use_is_listed(lab: Lab) -> None:
    """The address that the client is connected to is among those it is told."""
    session = lab.logon(connection=lab.connect(0))
    listed = [lab.dialable(str(entry.address)) for entry in session.interfaces()]
    check.that(session, "the address in use is listed", lab.addresses[0] in listed, specification=True)
    check.alive(session)


@case("interfaces.all-addresses", requirements=["SMB2-3.3.5.15.11-03"], needs=DECLARED)
def test_every_declared_address_is_listed(lab: Lab) -> None:
    """Every address that the server is configured with is listed."""
    session = lab.logon()
    listed = {str(entry.address) for entry in session.interfaces()}
    missing = [one for one in lab.target.interfaces if one.address not in listed]
    check.that(session, "configured addresses that are missing", len(missing), specification=0)
    check.alive(session)


@case("interfaces.only-declared-addresses", requirements=["SMB2-2.2.32.5.1-02"], needs=DECLARED)
def test_no_other_address_is_listed(lab: Lab) -> None:
    """No address is listed that the server is not configured with."""
    session = lab.logon()
    declared = {one.address for one in lab.target.interfaces}
    others = [entry for entry in session.interfaces() if str(entry.address) not in declared]
    check.that(session, "addresses nobody configured", len(others), specification=0)
    check.alive(session)


@case(
    "interfaces.declared-properties",
    requirements=["SMB2-2.2.32.5-04", "SMB2-2.2.32.5-03"],
    needs=DECLARED,
    answers=["smbtorture:hole.interface-speed", "smbtorture:hole.interface-capability"],
)
def test_speed_and_capability_are_as_configured(lab: Lab) -> None:
    """LinkSpeed, RSS_CAPABLE and RDMA_CAPABLE of each address are what the server is configured with."""
    session = lab.logon()
    declared = {one.address: one for one in lab.target.interfaces}
    for entry in session.interfaces():
        one = declared.get(str(entry.address))
        if one is None:
            continue
        rss = bool(entry.capability & InterfaceCapability.RSS_CAPABLE)
        rdma = bool(entry.capability & InterfaceCapability.RDMA_CAPABLE)
        check.that(session, "LinkSpeed", entry.link_speed, specification=one.link_speed)
        check.that(session, "RSS_CAPABLE", rss, requirement="SMB2-2.2.32.5-03", specification=one.rss)
        check.that(session, "RDMA_CAPABLE", rdma, requirement="SMB2-2.2.32.5-03", specification=one.rdma)
    check.alive(session)


@case(
    "interfaces.one-index-per-interface",
    requirements=["SMB2-3.3.5.15.11-04"],
    needs=DECLARED,
    answers=["smbtorture:hole.interface-index"],
)
def test_addresses_of_one_interface_share_its_index(lab: Lab) -> None:
    """All addresses of one network interface are listed with the same IfIndex."""
    session = lab.logon()
    indices = {str(entry.address): entry.if_index for entry in session.interfaces()}
    for number in sorted({one.interface for one in lab.target.interfaces}):
        own = {
            indices[one.address]
            for one in lab.target.interfaces
            if one.interface == number and one.address in indices
        }
        check.that(session, f"indices of interface {number}", len(own), specification=1)
    check.alive(session)


@case(
    "interfaces.distinct-indices",
    requirements=["SMB2-2.2.32.5-05"],
    needs=DECLARED,
    answers=["smbtorture:hole.interface-index"],
)
def test_interfaces_have_indices_of_their_own(lab: Lab) -> None:
    """Addresses of different network interfaces are listed with different indices."""
    session = lab.logon()
    numbers = {one.address: one.interface for one in lab.target.interfaces}
    found = {
        (entry.if_index, numbers[str(entry.address)])
        for entry in session.interfaces()
        if str(entry.address) in numbers
    }
    indices = {index for index, _ in found}
    check.that(session, "different indices", len(indices), specification=len({n for _, n in found}))
    check.alive(session)


@case(
    "interfaces.same-server",
    requirements=["SMB2-2.2.32.5.1-02"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-connectable"],
)
def test_every_address_leads_to_the_same_server(lab: Lab) -> None:
    """Whoever dials a listed address meets the same server, with the same dialect."""
    session = lab.logon()
    first = session.connection
    for number, entry in enumerate(session.interfaces(), start=1):
        connection = dialled(lab, session, number, entry)
        same = connection.core.server_guid == first.core.server_guid
        check.that(connection, f"ServerGuid at address {number} is the same", same, specification=True)
        check.that(
            connection, f"dialect at address {number}", connection.dialect, specification=first.dialect
        )
    check.alive(session)


@case(
    "interfaces.channel-to-each",
    requirements=["SMB2-2.2.32.5.1-02"],
    needs=NEEDS,
    answers=[
        "smbtorture:hole.interface-connectable",
        "ms:NetworkInterfaceInfo_ChangeConnection_BindCurrentSession",
    ],
)
def test_every_address_takes_a_channel(lab: Lab) -> None:
    """A channel can be bound over every listed address, and works."""
    session = lab.logon()
    opened = session.tree().open()
    opened.write(b"told once").required()
    for number, entry in enumerate(session.interfaces(), start=1):
        channel = session.add_channel(connection=dialled(lab, session, number, entry))
        answer = opened.read(0, 9, on=channel)
        check(answer, specification=Status.SUCCESS)
        check.that(channel, f"data read over address {number}", answer.data, specification=b"told once")
    check.alive(session)


@case("interfaces.twice-the-same", requirements=["SMB2-3.3.5.15.11-03"], needs=NEEDS)
def test_asking_again_changes_nothing(lab: Lab) -> None:
    """While nothing changes, the same addresses are listed each time."""
    session = lab.logon()
    tree = session.ipc()
    first, again = (
        {(one.if_index, one.address) for one in decode_list(answer.required().data, [])}
        for answer in (session.query_interfaces(tree=tree), session.query_interfaces(tree=tree))
    )
    check.that(session, "the same list", first == again, specification=True)
    check.alive(session)


@case(
    "interfaces.same-on-every-channel",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=[*NEEDS, SECOND_ADDRESS],
)
def test_every_channel_is_told_the_same(lab: Lab) -> None:
    """The list does not depend on the channel, and so on the address, that it is asked for over."""
    session = lab.logon(connection=lab.connect(0))
    second = session.add_channel(1)
    lists = [
        {(one.if_index, one.address) for one in session.interfaces(on=channel)}
        for channel in (session.connection, second)
    ]
    check.that(second, "the same list on both channels", lists[0] == lists[1], specification=True)
    check.alive(session)


@case("interfaces.same-in-every-session", requirements=["SMB2-3.3.5.15.11-03"], needs=NEEDS)
def test_every_session_is_told_the_same(lab: Lab) -> None:
    """Two sessions on one connection are told the same addresses."""
    first = lab.logon()
    second = first.connection.session_setup().session
    lists = [{(one.if_index, one.address) for one in session.interfaces()} for session in (first, second)]
    check.that(second, "the same list in both sessions", lists[0] == lists[1], specification=True)
    check.alive(first)


def dialled(lab: Lab, session: LabSession, number: int, entry: NetworkInterfaceInfo) -> LabConnection:
    """Return a connection to a listed address, negotiated as the session's own; an address that nobody
    answers at fails the case.
    """
    try:
        connection = lab.open_connection(lab.dialable(str(entry.address)))
    except Unreachable:
        connection = None
    check.that(session, f"address {number} takes connections", connection is not None, specification=True)
    assert connection is not None
    connection.negotiate(dialect=session.connection.dialect).required()
    return connection
