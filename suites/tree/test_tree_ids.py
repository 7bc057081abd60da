"""Which TreeIds are valid, and where ([MS-SMB2] 3.3.5.2.11)."""

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB3
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.status import Status
from suites.signing.commands import COMMANDS, ON_TREE, place
from suites.tree.dialects import DIALECTS, SMB_3

INVALID_TREE_ID: Final = 0xFFFF_FFFF
OTHER_BITS: Final = 0x5A5A_5A5A
"""Turn a TreeId into one that was never given out."""

NO_FILE: Final = FileId(0x5A5A_0001, 0x5A5A_0002)
"""A FileId that was never given out."""


@case(
    "tree.unknown-id",
    requirements=["SMB2-3.3.5.2.11-03"],
    variants={"command": ON_TREE, "tree_id": ["never-given", "invalid"]},
)
def test_a_request_of_an_unknown_tree(lab: Lab, command: str, tree_id: str) -> None:
    """With a TreeId that is not the session's every request fails; with the right one it succeeds."""
    session = lab.logon()
    at = place(session)
    unknown = INVALID_TREE_ID if tree_id == "invalid" else at.tree.core.tree_connect_id ^ OTHER_BITS
    check(COMMANDS[command](at, tree_id=unknown), specification=Status.NETWORK_NAME_DELETED)
    check(COMMANDS[command](at), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.close-of-nothing", requirements=["SMB2-3.3.5.10-05"], variants={"dialect": DIALECTS})
def test_a_close_without_an_open_or_a_tree(lab: Lab) -> None:
    """Of a CLOSE whose TreeId and FileId are both unknown, the FileId is what it fails for."""
    session = lab.logon()
    file = session.tree().open()
    unknown = file.tree.core.tree_connect_id ^ OTHER_BITS
    check(
        file.tree.send(CloseRequest(file_id=NO_FILE), tree_id=unknown),
        specification=Status.FILE_CLOSED,
        samba=Status.NETWORK_NAME_DELETED,
    )
    check(
        file.close(tree_id=unknown),
        requirement="SMB2-3.3.5.2.11-03",
        specification=Status.NETWORK_NAME_DELETED,
    )
    check(file.close(), requirement="SMB2-3.3.5.2.11-03", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.id-of-another-session",
    requirements=["SMB2-3.3.5.2.11-04"],
    variants={"connection": ["same", "other"]},
)
def test_a_tree_of_another_session(lab: Lab, connection: str) -> None:
    """A TreeId that only another session has is unknown to this one, on one connection and on two."""
    session = lab.logon()
    other = lab.logon(connection=session.connection if connection == "same" else None)
    mine = session.tree()
    theirs = [other.tree(), other.tree()]
    foreign = next(tree for tree in theirs if tree.core.tree_connect_id != mine.core.tree_connect_id)
    check(mine.create(tree_id=foreign.core.tree_connect_id), specification=Status.NETWORK_NAME_DELETED)
    check(foreign.create(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.id-on-every-channel",
    requirements=["SMB2-3.3.5.2.11-05"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3, "number": [0, 1, 2]},
)
def test_a_tree_is_one_of_the_session(lab: Lab, number: int) -> None:
    """A tree connected to over one channel serves over every channel of the session."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    tree = session.tree(on=session.channels[number])
    for channel in session.channels:
        check(tree.create(on=channel), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.gone-on-every-channel",
    requirements=["SMB2-3.3.5.8-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3, "number": [0, 1]},
    answers=["smbtorture:hole.tree-disconnect-other-channel"],
)
def test_a_tree_is_disconnected_over_another_channel(lab: Lab, number: int) -> None:
    """A tree connected to over one channel is disconnected over the other, and is unknown on both then."""
    session = lab.logon()
    session.add_channel()
    here, there = session.channels[number], session.channels[1 - number]
    tree = session.tree(on=here)
    tree.open(on=here)
    check(tree.disconnect(on=there), specification=Status.SUCCESS)
    for channel in session.channels:
        check(tree.create(on=channel), specification=Status.NETWORK_NAME_DELETED)
    for channel in session.channels:
        # Only now: a new tree connect may get the TreeId that is free again.
        check(session.tree_connect(on=channel), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.file-of-another-tree", requirements=["SMB2-3.3.5.2.11-06"], variants={"command": ["READ", "CLOSE"]}
)
def test_a_file_is_reached_through_another_tree(lab: Lab, command: str) -> None:
    """A file that was opened on one tree is asked for on another one of the same session."""
    session = lab.logon()
    at = place(session)
    second = session.tree()
    answer = COMMANDS[command](at, tree_id=second.core.tree_connect_id)
    check(
        answer,
        specification=Status.SUCCESS,
        windows=Status.FILE_CLOSED,
        other_tree=Status.NETWORK_NAME_DELETED,
    )
    check.alive(session)
