"""What TREE_DISCONNECT ends and what it leaves alone ([MS-SMB2] 3.3.5.8, 3.3.4.17)."""

from typing import Final

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabTree
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest
from suites.tree.dialects import DIALECTS

SEVERAL: Final = 5


def watch(tree: LabTree) -> Answer:
    """A CHANGE_NOTIFY of a directory that is made for it, which waits."""
    answer = tree.directory().change_notify(CompletionFilter.FILE_NAME, wait=False)
    answer.wait_pending()
    return answer


@case(
    "tree.disconnect",
    requirements=["SMB2-3.3.5.8-01", "SMB2-2.2.12-01"],
    variants={"dialect": DIALECTS},
)
def test_a_tree_is_disconnected(lab: Lab) -> None:
    """After TREE_DISCONNECT the TreeId is unknown, and the share can be connected to again."""
    session = lab.logon()
    tree = session.tree()
    answer = tree.disconnect()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "structure_size", requirement="SMB2-2.2.12-01", specification=4)
    check.field(answer, "reserved", requirement="SMB2-2.2.12-01", specification=0)
    check(tree.create(), specification=Status.NETWORK_NAME_DELETED)
    check(session.tree().create(), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.disconnect-twice", requirements=["SMB2-3.3.5.8-04"], variants={"dialect": DIALECTS})
def test_a_tree_is_disconnected_once(lab: Lab) -> None:
    """A second TREE_DISCONNECT of the same TreeId finds no tree; another tree is not harmed."""
    session = lab.logon()
    staying, tree = session.tree(), session.tree()
    check(tree.disconnect(), requirement="SMB2-3.3.5.8-04", specification=Status.SUCCESS)
    check(tree.disconnect(), specification=Status.NETWORK_NAME_DELETED)
    check(staying.create(), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.disconnect-closes-opens", requirements=["SMB2-3.3.5.8-01"], variants={"dialect": DIALECTS})
def test_a_disconnect_closes_opens(lab: Lab) -> None:
    """TREE_DISCONNECT closes what is open: others can open it, what was to be deleted is gone."""
    session, other = lab.logon(), lab.logon()
    tree, others, deleted = session.tree(), other.tree(), lab.name()
    kept = [tree.open(share_access=ShareAccess.NONE) for _ in range(SEVERAL)]
    tree.open(deleted, create_options=CreateOptions.DELETE_ON_CLOSE)
    check(tree.disconnect(), specification=Status.SUCCESS)
    for opened in kept:
        check(others.create(opened.core.file_name), specification=Status.SUCCESS)
    check(
        others.create(
            deleted,
            create_disposition=CreateDisposition.OPEN,
            desired_access=AccessMask.FILE_READ_ATTRIBUTES,
        ),
        specification=Status.OBJECT_NAME_NOT_FOUND,
    )
    check.alive(session)


@case("tree.disconnect-ends-file-ids", requirements=["SMB2-3.3.5.8-01"])
def test_a_file_id_ends_with_its_tree(lab: Lab) -> None:
    """A FileId of a tree that was disconnected names nothing any more, also on another tree."""
    session = lab.logon()
    tree, second = session.tree(), session.tree()
    opened = tree.open()
    check(tree.disconnect(), specification=Status.SUCCESS)
    answer = opened.read(tree_id=second.core.tree_connect_id)
    check(answer, specification=Status.FILE_CLOSED)
    check.alive(session)


@case("tree.disconnect-spares-others", requirements=["SMB2-3.3.5.8-05"], variants={"first": [True, False]})
def test_a_disconnect_spares_the_other_tree(lab: Lab, first: bool) -> None:
    """Of two trees to one share one is disconnected: files and what is pending on the other one go on."""
    session = lab.logon()
    trees = [session.tree(), session.tree()]
    going, staying = trees if first else reversed(trees)
    file, directory = staying.open(), staying.directory()
    pending = directory.change_notify(CompletionFilter.FILE_NAME, wait=False)
    pending.wait_pending()
    going.open()
    check(going.disconnect(), specification=Status.SUCCESS)
    check(file.write(b"still here"), specification=Status.SUCCESS)
    check(staying.create(f"{directory.core.file_name}\\new"), specification=Status.SUCCESS)
    check(pending.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.disconnect-with-pending-notify",
    requirements=["SMB2-3.3.5.8-03"],
    variants={"dialect": DIALECTS},
)
def test_a_disconnect_ends_pending_notifications(lab: Lab) -> None:
    """TREE_DISCONNECT ends every CHANGE_NOTIFY that waits on the tree."""
    session = lab.logon()
    tree = session.tree()
    pending = [watch(tree) for _ in range(SEVERAL)]
    check(tree.disconnect(), specification=Status.SUCCESS)
    for answer in pending:
        check(answer.wait(), specification=Status.NOTIFY_CLEANUP)
    check.alive(session)


@case("tree.disconnect-with-pending-lock", requirements=["SMB2-3.3.5.8-06"], variants={"dialect": DIALECTS})
def test_a_disconnect_ends_pending_locks(lab: Lab) -> None:
    """TREE_DISCONNECT ends a LOCK of the tree that waits for one of another session."""
    session, other = lab.logon(), lab.logon()
    tree = session.tree()
    opened = tree.open()
    other.tree().open(opened.core.file_name).lock().required()
    pending = opened.lock(fail_immediately=False, wait=False)
    pending.wait_pending()
    check(tree.disconnect(), specification=Status.SUCCESS)
    check(
        pending.wait(),
        specification=Status.CANCELLED,
        permitted_by_the_store=Status.RANGE_NOT_LOCKED,
    )
    check.alive(session)


@case(
    "tree.disconnect-ends-other-channels",
    requirements=["SMB2-3.3.5.8-03", "SMB2-3.3.5.8-06"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"number": [0, 1], "request": ["notify", "lock"]},
    answers=["smbtorture:hole.tree-disconnect-other-channel"],
)
def test_a_disconnect_ends_what_waits_on_another_channel(lab: Lab, number: int, request: str) -> None:
    """TREE_DISCONNECT over one channel ends what waits on the tree over the other one."""
    session, other = lab.logon(), lab.logon()
    session.add_channel()
    here, there = session.channels[number], session.channels[1 - number]
    tree, name = session.tree(on=here), lab.name()
    if request == "notify":
        pending = tree.directory().change_notify(CompletionFilter.FILE_NAME, wait=False, on=there)
    else:
        other.tree().open(name).lock().required()
        pending = tree.open(name, on=here).lock(fail_immediately=False, wait=False, on=there)
    pending.wait_pending()
    check(tree.disconnect(on=here), requirement="SMB2-3.3.5.8-03", specification=Status.SUCCESS)
    check(
        pending.wait(),
        requirement="SMB2-3.3.5.8-03" if request == "notify" else "SMB2-3.3.5.8-06",
        specification=Status.NOTIFY_CLEANUP if request == "notify" else Status.CANCELLED,
        permitted_by_the_store=Status.RANGE_NOT_LOCKED,
    )
    check.alive(session)


@case(
    "tree.disconnect-releases-locks", requirements=["SMB2-3.3.5.8-07"], variants={"exclusive": [True, False]}
)
def test_a_disconnect_releases_locks(lab: Lab, exclusive: bool) -> None:
    """A LOCK of another session that waits for one of the tree is granted when the tree is disconnected."""
    session, other = lab.logon(), lab.logon()
    tree = session.tree()
    holder = tree.open()
    holder.lock(exclusive=exclusive).required()
    waiting = other.tree().open(holder.core.file_name).lock(fail_immediately=False, wait=False)
    waiting.wait_pending()
    check(tree.disconnect(), specification=Status.SUCCESS)
    check(waiting.wait(), specification=Status.SUCCESS)
    check.alive(other)


@case("tree.disconnect-ends-breaks", requirements=["SMB2-3.3.5.8-07"])
def test_a_disconnect_ends_an_oplock_break(lab: Lab) -> None:
    """A CREATE of another session that waits for an oplock of the tree to be broken goes on at once."""
    session, other = lab.logon(), lab.logon()
    tree = session.tree()
    holder = tree.open(requested_oplock_level=OplockLevel.BATCH)
    waiting = other.tree().create(holder.core.file_name, wait=False)
    session.connection.wait_notification(OplockBreakNotification)
    check(tree.disconnect(), specification=Status.SUCCESS)
    check(waiting.wait(), specification=Status.SUCCESS)
    check.alive(other)


@case("tree.disconnect-reserved", requirements=["SMB2-2.2.11-01"], variants={"dialect": DIALECTS})
def test_reserved_of_a_disconnect_is_ignored(lab: Lab) -> None:
    """What stands in Reserved of TREE_DISCONNECT does not matter."""

    def fill(message: Message) -> None:
        assert isinstance(message.body, TreeDisconnectRequest)
        message.body.reserved = 0xFFFF

    session = lab.logon()
    check(session.tree().disconnect(tamper=Tamper(message=fill)), specification=Status.SUCCESS)
    check.alive(session)
