"""What TREE_CONNECT answers on success ([MS-SMB2] 2.2.10, 3.3.5.7)."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Final

from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check, has_flag, lacks_flag, other_than
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.conformance.needs import ADMINISTRATION, ENCRYPTED_SHARE, ENCRYPTION, READ_ONLY_SHARE, SMB3
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType
from suites.tree.dialects import DIALECTS, SMB_2, SMB_3

INVALID_TREE_ID: Final = 0xFFFF_FFFF
NO_FLAGS: Final = 0xFFFF_FFFF & ~reduce(or_, ShareFlags, 0)
NO_CAPABILITIES: Final = 0xFFFF_FFFF & ~reduce(or_, ShareCapabilities, 0)
"""The bits that mean nothing."""

MANY: Final = 100
"""Tree connects of one session."""

FLAGS_SINCE: Final = {
    ShareFlags.ENABLE_HASH_V1: Dialect.SMB_2_1,
    ShareFlags.ENABLE_HASH_V2: Dialect.SMB_3_0,
    ShareFlags.ENCRYPT_DATA: Dialect.SMB_3_0,
    ShareFlags.COMPRESS_DATA: Dialect.SMB_3_1_1,
    ShareFlags.IDENTITY_REMOTING: Dialect.SMB_3_1_1,
}
"""The first dialect that a flag is valid for ([MS-SMB2] 2.2.10, 3.3.5.7)."""

CAPABILITIES_SINCE: Final = {
    ShareCapabilities.CONTINUOUS_AVAILABILITY: Dialect.SMB_3_0,
    ShareCapabilities.SCALEOUT: Dialect.SMB_3_0,
    ShareCapabilities.CLUSTER: Dialect.SMB_3_0,
    ShareCapabilities.ASYMMETRIC: Dialect.SMB_3_0_2,
    ShareCapabilities.REDIRECT_TO_OWNER: Dialect.SMB_3_1_1,
}
"""The first dialect that a capability is valid for ([MS-SMB2] 2.2.10)."""

NO_RIGHTS: Final = 0x0CE0_FE00
"""The bits of an access mask that mean nothing ([MS-SMB2] 2.2.13.1)."""

WRITES: Final = (
    AccessMask.FILE_WRITE_DATA,
    AccessMask.FILE_APPEND_DATA,
    AccessMask.FILE_WRITE_EA,
    AccessMask.FILE_WRITE_ATTRIBUTES,
)


@case(
    "tree.disk-share",
    requirements=["SMB2-3.3.5.7-07", "SMB2-2.2.10-01"],
    variants={"dialect": DIALECTS},
)
def test_a_disk_share_is_connected(lab: Lab) -> None:
    """TREE_CONNECT to a share of files gives a TreeId that serves, and says that it is a disk."""
    session = lab.logon()
    answer = session.tree_connect()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "share_type", specification=ShareType.DISK)
    check.field(answer, "header.tree_id", specification=other_than(INVALID_TREE_ID))
    check.field(answer, "structure_size", requirement="SMB2-2.2.10-01", specification=16)
    check.field(answer, "reserved", requirement="SMB2-2.2.10-01", specification=0)
    check(answer.tree.create(), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.pipe-share", requirements=["SMB2-3.3.5.7-07"], variants={"dialect": DIALECTS})
def test_the_pipe_share_is_connected(lab: Lab) -> None:
    """IPC$ is there for everybody who is known, and says that it is a share of pipes."""
    session = lab.logon()
    answer = session.tree_connect("IPC$")
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "share_type", specification=ShareType.PIPE)
    check.alive(session)


@case(
    "tree.valid-for-the-dialect",
    requirements=["SMB2-2.2.10-02", "SMB2-3.3.5.7-11", "SMB2-3.3.5.7-12"],
    variants=[
        {"dialect": dialect, "share": share}
        for dialect in DIALECTS
        for share in ("plain", "read-only", "IPC$")
    ],
)
def test_properties_of_later_dialects_stay_away(lab: Lab, dialect: Dialect, share: str) -> None:
    """A share shows no flag and no capability that the dialect of the connection does not know."""
    session = lab.logon()
    answer = session.tree_connect(share if share == "IPC$" else ShareRole(share))
    check(answer, requirement="SMB2-2.2.10-02", specification=Status.SUCCESS)
    for flag, since in FLAGS_SINCE.items():
        if dialect < since:
            check.field(answer, "share_flags", requirement="SMB2-2.2.10-02", specification=lacks_flag(flag))
    for capability, since in CAPABILITIES_SINCE.items():
        if dialect < since:
            of = (
                "SMB2-3.3.5.7-11"
                if capability is ShareCapabilities.CONTINUOUS_AVAILABILITY
                else "SMB2-3.3.5.7-12"
            )
            check.field(answer, "capabilities", requirement=of, specification=lacks_flag(capability))
    check.alive(session)


@case("tree.unknown-bits", requirements=["SMB2-2.2.10-01"], variants={"dialect": DIALECTS})
def test_a_share_shows_what_is_defined(lab: Lab) -> None:
    """No share shows a flag or a capability that no dialect defines."""
    session = lab.logon()
    for share in (ShareRole.PLAIN, "IPC$"):
        answer = session.tree_connect(share)
        check(answer, specification=Status.SUCCESS)
        check.field(answer, "share_flags", specification=lacks_flag(NO_FLAGS))
        check.field(answer, "capabilities", specification=lacks_flag(NO_CAPABILITIES))
    check.alive(session)


@case(
    "tree.encrypted-share",
    requirements=["SMB2-3.3.5.7-08"],
    needs=[SMB3, ENCRYPTION, ENCRYPTED_SHARE],
    variants={"dialect": SMB_3},
)
def test_only_an_encrypted_share_says_so(lab: Lab) -> None:
    """A share that encrypts has the flag, a share beside it has not."""
    session = lab.logon()
    answer = session.tree_connect(ShareRole.ENCRYPTED)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "share_flags", specification=has_flag(ShareFlags.ENCRYPT_DATA))
    plain = session.tree_connect()
    check(plain, specification=Status.SUCCESS)
    check.field(plain, "share_flags", specification=lacks_flag(ShareFlags.ENCRYPT_DATA))
    check.alive(session)


@case(
    "tree.encrypted-share-before-3",
    requirements=["SMB2-3.3.5.7-10"],
    needs=[ENCRYPTION, ENCRYPTED_SHARE],
    variants={"dialect": SMB_2},
)
def test_an_encrypted_share_is_closed_to_smb_2(lab: Lab) -> None:
    """A share that encrypts cannot be connected to over a dialect without encryption; another one can."""
    session = lab.logon()
    check(session.tree_connect(ShareRole.ENCRYPTED), specification=Status.ACCESS_DENIED)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.maximal-access", requirements=["SMB2-3.3.5.7-14"], variants={"dialect": DIALECTS})
def test_maximal_access_is_what_the_user_has(lab: Lab) -> None:
    """Where a user may write, MaximalAccess has the rights to read and write, and no bit that is no right."""
    session = lab.logon()
    answer = session.tree_connect()
    check(answer, specification=Status.SUCCESS)
    rights = AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA
    check.field(answer, "maximal_access", specification=has_flag(rights))
    check.field(answer, "maximal_access", specification=lacks_flag(NO_RIGHTS))
    check(answer.tree.create(desired_access=rights), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.maximal-access-read-only",
    requirements=["SMB2-3.3.5.7-14"],
    needs=[READ_ONLY_SHARE],
    variants={"dialect": DIALECTS},
)
def test_maximal_access_of_a_read_only_share(lab: Lab) -> None:
    """On a share that is read-only MaximalAccess has the right to read and none to write."""
    session = lab.logon()
    answer = session.tree_connect(ShareRole.READ_ONLY)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "maximal_access", specification=has_flag(AccessMask.FILE_READ_DATA))
    for right in WRITES:
        check.field(answer, "maximal_access", specification=lacks_flag(right))
    check(answer.tree.create(), specification=[Status.ACCESS_DENIED, Status.MEDIA_WRITE_PROTECTED])
    check.alive(session)


@case("tree.same-share-twice", requirements=["SMB2-3.3.5.7-18"], variants={"dialect": DIALECTS})
def test_a_share_is_connected_twice(lab: Lab) -> None:
    """A share connected to twice in a session gives two TreeIds, and both serve."""
    session = lab.logon()
    first, second = session.tree_connect(), session.tree_connect()
    check(first, specification=Status.SUCCESS)
    check(second, specification=Status.SUCCESS)
    check.field(second, "header.tree_id", specification=other_than(first.header.tree_id))
    for tree in (first.tree, second.tree):
        check(tree.create(), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.many", requirements=["SMB2-3.3.5.7-07", "SMB2-3.3.5.7-18"])
def test_many_tree_connects(lab: Lab) -> None:
    """A hundred tree connects of one session all have a TreeId of their own, none of them the invalid one."""
    session = lab.logon()
    trees = []
    for number in range(MANY):
        answer = session.tree_connect("IPC$" if number % 2 else ShareRole.PLAIN)
        check(answer, specification=Status.SUCCESS)
        trees.append(answer.tree)
    ids = {tree.core.tree_connect_id for tree in trees}
    check.that(session, "different TreeIds", len(ids), requirement="SMB2-3.3.5.7-18", specification=MANY)
    check.that(session, "the invalid TreeId is one", INVALID_TREE_ID in ids, specification=False)
    for tree in (trees[0], trees[MANY // 2], trees[-2]):
        check(tree.create(), specification=Status.SUCCESS)
    check.alive(session)


def by_disconnect(session: LabSession) -> None:
    """End the session's tree connects with TREE_DISCONNECT."""
    for core in list(session.core.tree_connect_table.values()):
        session.connection.follow(core.disconnect()).required()


def by_logoff(session: LabSession) -> None:
    """End the session's tree connects with LOGOFF."""
    session.logoff().required()


def by_loss(session: LabSession) -> None:
    """End the session's tree connects with its connection."""
    session.connection.close()


@case(
    "tree.most-uses",
    requirements=["SMB2-3.3.5.7-06", "SMB2-3.3.5.7-21"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.LIMIT,
    variants={"end": [by_disconnect, by_logoff, by_loss]},
)
def test_a_share_has_so_many_uses(lab: Lab, end: Callable[[LabSession], None]) -> None:
    """A share that may have two tree connects refuses the third; as soon as one has ended there is room."""
    session, other = lab.logon(), lab.logon()
    lab.administration.limit_uses(lab.share(), 2)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check(other.tree_connect(), specification=Status.SUCCESS)
    check(other.tree_connect(), specification=Status.REQUEST_NOT_ACCEPTED)
    end(session)
    answer = lab.eventually(other.tree_connect, lambda one: one.actual is Status.SUCCESS)
    check(answer, requirement="SMB2-3.3.5.7-21", specification=Status.SUCCESS)
    check(other.tree_connect(), specification=Status.REQUEST_NOT_ACCEPTED)
    check.alive(other)
