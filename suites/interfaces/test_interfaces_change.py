"""Interfaces that come and go while clients are connected ([MS-SMB2] 3.3.5.15.11)."""

from smbtorture_py.conformance.administration import DeclaredInterface
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.conformance.needs import ADMINISTRATION, DECLARED_INTERFACES, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.status import Status

NEEDS = [SMB3, MULTI_CHANNEL, ADMINISTRATION, DECLARED_INTERFACES]
GIGABIT = 1_000_000_000
NEW = DeclaredInterface(interface=77, address="198.51.100.77", link_speed=GIGABIT)
MANY = [
    DeclaredInterface(interface=number, address=f"198.51.100.{number}", link_speed=GIGABIT)
    for number in range(1, 101)
]


@case(
    "interfaces.added",
    requirements=["SMB2-3.3.5.15.11-11"],
    needs=NEEDS,
    disturbs=Disturbance.INTERFACES,
)
def test_a_new_interface_is_listed(lab: Lab) -> None:
    """An address that the server gets while a client is connected is in the next answer."""
    session = lab.logon()
    before = addresses(session)
    check.that(session, "listed before", NEW.address in before, specification=False)
    lab.administration.set_interfaces([*lab.target.interfaces, NEW])
    after = addresses(session)
    check.that(session, "listed afterwards", NEW.address in after, specification=True)
    check.that(session, "the others are listed still", set(before) <= set(after), specification=True)
    check.alive(session)


@case(
    "interfaces.removed",
    requirements=["SMB2-3.3.5.15.11-11"],
    needs=NEEDS,
    disturbs=Disturbance.INTERFACES,
)
def test_an_interface_that_is_gone_is_not_listed(lab: Lab) -> None:
    """An address that the server loses while a client is connected is no longer in the next answer."""
    session = lab.logon()
    *kept, gone = lab.target.interfaces
    check.that(session, "listed before", gone.address in addresses(session), specification=True)
    lab.administration.set_interfaces(kept)
    check.that(session, "listed afterwards", gone.address in addresses(session), specification=False)
    check.alive(session)


@case(
    "interfaces.index-lost",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=NEEDS,
    disturbs=Disturbance.INTERFACES,
)
def test_an_interface_whose_index_becomes_zero_is_not_listed(lab: Lab) -> None:
    """Addresses of an interface that has no index are not listed, whatever else they are."""
    session = lab.logon()
    nameless = DeclaredInterface(interface=0, address=NEW.address, link_speed=GIGABIT, rss=True)
    lab.administration.set_interfaces([*lab.target.interfaces, nameless])
    found = addresses(session)
    check.that(session, "the address is listed", NEW.address in found, specification=False)
    check.alive(session)


@case(
    "interfaces.properties-changed",
    requirements=["SMB2-3.3.5.15.11-11"],
    needs=NEEDS,
    disturbs=Disturbance.INTERFACES,
)
def test_a_new_speed_is_told(lab: Lab) -> None:
    """A link speed that changes while a client is connected is in the next answer."""
    session = lab.logon()
    session.interfaces()
    lab.administration.set_interfaces([NEW])
    speeds = [entry.link_speed for entry in session.interfaces()]
    check.that(session, "entries", len(speeds), specification=1)
    check.that(session, "LinkSpeed", speeds[0], specification=NEW.link_speed)
    check.alive(session)


@case(
    "interfaces.many",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=NEEDS,
    disturbs=Disturbance.INTERFACES,
)
def test_a_hundred_interfaces_are_listed(lab: Lab) -> None:
    """A list of a hundred interfaces arrives whole."""
    session = lab.logon()
    lab.administration.set_interfaces(MANY)
    answer = session.query_interfaces()
    check(answer, specification=Status.SUCCESS)
    listed = {(entry.if_index, str(entry.address)) for entry in session.interfaces()}
    missing = [one for one in MANY if (one.interface, one.address) not in listed]
    check.that(session, "interfaces that are missing", len(missing), specification=0)
    check.alive(session)


@case(
    "interfaces.channels-outlive-changes",
    requirements=["SMB2-3.3.5.15.11-10"],
    needs=NEEDS,
    disturbs=Disturbance.INTERFACES,
)
def test_channels_outlive_a_change_of_the_list(lab: Lab) -> None:
    """Channels stay usable when their address is no longer reported: only new channels go elsewhere."""
    session = lab.logon()
    channel = session.add_channel()
    lab.administration.set_interfaces([NEW])
    check(session.echo(on=channel), specification=Status.SUCCESS)
    check(session.query_interfaces(on=channel), specification=Status.SUCCESS)
    check.alive(session)


def addresses(session: LabSession) -> list[str]:
    """Return the addresses that the server reports."""
    return [str(entry.address) for entry in session.interfaces()]
