"""Leases of directories ([MS-SMB2] 3.3.1.4, 3.3.5.9.11)."""

from __future__ import annotations

from collections.abc import Callable

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen, LabSession, LabTree
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease, lease_v1
from smbtorture_py.conformance.needs import DIRECTORY_LEASING, LEASING, MULTI_CHANNEL, SMB2_0_2, SMB2_1
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.create_contexts import CreateContext, ResponseLeaseV2
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import LeaseBreakFlags
from smbtorture_py.wire.status import Status
from suites.leases import changes
from suites.leases.contest import NO_BREAK, NONE, READ_DATA, SHARE_NONE, expect_break, expect_quiet
from suites.leases.losses import lose

LEVELS = (OplockLevel.II, OplockLevel.EXCLUSIVE, OplockLevel.BATCH)
DIRECTORY = CreateOptions.DIRECTORY_FILE
KEYS = ("right key", "wrong key", "no key")


class Watched:
    """`session` has `directory` open under a lease of `key`; `rival` is another client, with a tree of its
    own.
    """

    def __init__(self, lab: Lab, state: LeaseState = RH, *, children: int = 1, channels: int = 1) -> None:
        self.lab = lab
        self.session: LabSession = lab.logon()
        for _ in range(channels - 1):
            self.session.add_channel()
        self.tree: LabTree = self.session.tree()
        self.rival: LabSession = lab.another_client()
        self.rival_tree: LabTree = self.rival.tree()
        self.name = lab.name("directory")
        self.tree.directory(self.name).close()
        for number in range(children):
            self.tree.open(self.child(number)).close()
        self.key = lab.guid()
        self.directory: LabOpen = self.tree.directory(
            self.name, desired_access=READ_DATA, contexts=[lease(self.key, state)]
        )
        if self.directory.lease_state != state:
            raise Blocked(f"asked for the lease {state!r}, got {self.directory.lease_state!r}")

    def child(self, number: int = 0) -> str:
        """The path of a child."""
        path = f"{self.name}\\child-{number}"
        self.lab.created.append((self.tree.share, path))
        return path

    def again(self, state: LeaseState = NONE) -> LabOpen:
        """Open the directory once more under its key: the answer shows the lease as it is."""
        return self.tree.directory(self.name, desired_access=READ_DATA, contexts=[lease(self.key, state)])


@case(
    "leases.directory-grant",
    requirements=["SMB2-3.3.5.9.11-04"],
    needs=[DIRECTORY_LEASING],
    variants={"wanted": [NONE, R, RH, RW, RWH]},
    answers=[
        "smbtorture:dirlease.leases",
        "ms:BVT_DirectoryLeasing_ReadWriteHandleCaching",
        "ms:DirectoryLeasing_ReadCaching",
        "ms:DirectoryLeasing_ReadWriteCaching",
        "ms:DirectoryLeasing_ReadHandleCaching",
        "ms:DirectoryLeasing_RWGrantedAsR",
        "ms:DirectoryLeasing_RWHGrantedAsRH",
    ],
)
def test_a_lease_of_a_directory(lab: Lab, wanted: LeaseState) -> None:
    """A directory gets the lease asked for without write caching, with an epoch."""
    answer = lab.logon().tree().create(create_options=DIRECTORY, contexts=[lease(lab.guid(), wanted)])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "oplock_level", specification=OplockLevel.LEASE)
    check.that(answer, "lease state", answer.open.lease_state, specification=wanted & RH)
    epoch = answer.open.lease.epoch if isinstance(answer.open.lease, ResponseLeaseV2) else None
    if wanted:
        check.that(answer, "epoch", epoch, requirement="SMB2-3.3.5.9.11-01", specification=1)
    check.alive(answer.open.tree.session)


@case(
    "leases.directory-version-1",
    requirements=["SMB2-3.3.5.9.11-05"],
    needs=[LEASING, DIRECTORY_LEASING],
    answers=["smbtorture:lease.request"],
)
def test_version_1_on_a_directory(lab: Lab) -> None:
    """What a directory gets whose lease is asked for with version 1."""
    file = lab.logon().tree().directory(contexts=[lease_v1(lab.guid(), RWH)])
    check.that(file, "oplock", OplockLevel(file.oplock_level), none=OplockLevel.NONE, lease=OplockLevel.LEASE)
    check.alive(file.tree.session)


@case(
    "leases.directory-old-dialects",
    requirements=["SMB2-3.3.5.9-26"],
    needs=[LEASING],
    variants=[{"dialect": Dialect.SMB_2_1}, {"dialect": Dialect.SMB_2_0_2}],
    answers=["ms:DirectoryLeasing_Negative_SMB21", "ms:DirectoryLeasing_Negative_SMB2002"],
)
def test_no_lease_of_a_directory_in_old_dialects(lab: Lab, dialect: Dialect) -> None:
    """Before SMB 3 a directory gets no lease by a context of version 2."""
    lab.need(SMB2_1 if dialect == Dialect.SMB_2_1 else SMB2_0_2)
    answer = lab.logon().tree().create(create_options=DIRECTORY, contexts=[lease(lab.guid(), RWH)])
    check(answer, specification=Status.SUCCESS, permitted_refused=Status.INVALID_PARAMETER)
    if answer.actual is Status.SUCCESS:
        check.field(answer, "oplock_level", specification=OplockLevel.NONE)
    check.alive(answer.open.tree.session if answer.actual is Status.SUCCESS else lab.logon())


def added(watched: Watched) -> Answer:
    """A file is made."""
    return watched.rival_tree.create(watched.child(9), wait=False)


def directory_added(watched: Watched) -> Answer:
    """A directory is made."""
    return watched.rival_tree.create(watched.child(9), create_options=DIRECTORY, wait=False)


def deleted(watched: Watched) -> Answer:
    """A file is deleted."""
    file = watched.rival_tree.open(watched.child())
    changes.dispose(file).required()
    return file.close(wait=False)


def renamed(watched: Watched) -> Answer:
    """A file gets another name in the directory."""
    return changes.rename(watched.rival_tree.open(watched.child()), watched.child(9), wait=False)


def renamed_away(watched: Watched) -> Answer:
    """A file is moved out of the directory."""
    name = watched.lab.name()
    watched.lab.created.append((watched.tree.share, name))
    return changes.rename(watched.rival_tree.open(watched.child()), name, wait=False)


def renamed_in(watched: Watched) -> Answer:
    """A file is moved into the directory."""
    return changes.rename(watched.rival_tree.open(), watched.child(9), wait=False)


def linked(watched: Watched) -> Answer:
    """A hard link is made in the directory."""
    return changes.link(watched.rival_tree.open(), watched.child(9), wait=False)


def written(watched: Watched) -> Answer:
    """A file is written to and closed."""
    file = watched.rival_tree.open(watched.child())
    file.write(b"new").required()
    return file.close(wait=False)


def resized(watched: Watched) -> Answer:
    """A file gets another size and is closed."""
    file = watched.rival_tree.open(watched.child())
    changes.set_end_of_file(file).wait().required()
    return file.close(wait=False)


def attributes_set(watched: Watched) -> Answer:
    """A file gets other attributes and is closed."""
    file = watched.rival_tree.open(watched.child())
    changes.set_attributes(file).wait().required()
    return file.close(wait=False)


def times_set(watched: Watched) -> Answer:
    """A file gets other times and is closed."""
    file = watched.rival_tree.open(watched.child())
    changes.set_times(file).wait().required()
    return file.close(wait=False)


def overwritten(watched: Watched) -> Answer:
    """A file is overwritten and closed."""
    file = watched.rival_tree.open(watched.child(), create_disposition=CreateDisposition.OVERWRITE)
    return file.close(wait=False)


CHANGES = (
    added,
    directory_added,
    deleted,
    renamed,
    renamed_away,
    renamed_in,
    linked,
    written,
    resized,
    attributes_set,
    times_set,
    overwritten,
)


@case(
    "leases.directory-changed",
    requirements=["SMB2-3.3.5.9.11-06", "SMB2-3.3.4.7-03"],
    needs=[DIRECTORY_LEASING],
    variants=[*({"change": one, "held": RH} for one in CHANGES), {"change": added, "held": R}],
    answers=[
        "smbtorture:dirlease.v2_request",
        "smbtorture:dirlease.seteof",
        "smbtorture:dirlease.setdos",
        "smbtorture:dirlease.setmtime",
        "smbtorture:dirlease.hardlink",
        "smbtorture:dirlease.rename",
        "ms:DirectoryLeasing_BreakReadCachingByChildDeleted",
        "ms:DirectoryLeasing_BreakReadCachingByChildAdded",
        "ms:DirectoryLeasing_BreakReadCachingByChildModified",
        "ms:DirectoryLeasing_BreakReadCachingByChildRenamed",
        "smbtorture:hole.slip-dirlease-mtime",
    ],
)
def test_a_directory_changes(lab: Lab, change: Callable[[Watched], Answer], held: LeaseState) -> None:
    """A change of a directory's content by another client takes read caching of the directory away."""
    watched = Watched(lab, held)
    answer = change(watched)
    broken = expect_break(watched.session, specification=NONE)
    flags = LeaseBreakFlags.ACK_REQUIRED if held == RH else LeaseBreakFlags.NONE
    check.that(
        watched.session, "flags", broken.body.flags, requirement="SMB2-3.3.4.7-03", specification=flags
    )
    key = broken.body.lease_key
    check.that(watched.session, "lease key", key, requirement="SMB2-2.2.23.2-01", specification=watched.key)
    if held == RH:
        watched.directory.acknowledge_lease(NONE).required()
    check(answer.wait(), specification=Status.SUCCESS)
    expect_quiet(watched.session, 1, requirement="SMB2-3.3.4.7-19")
    check.alive(watched.session)


@case(
    "leases.directory-unchanged",
    requirements=["SMB2-3.3.1.4-07"],
    needs=[DIRECTORY_LEASING],
    variants={"action": ["open", "read", "list", "stat", "open directory"]},
)
def test_a_directory_is_looked_at(lab: Lab, action: str) -> None:
    """Who opens, reads, lists and queries breaks no lease of a directory."""
    watched = Watched(lab)
    is_directory = action in ("list", "open directory")
    attempt = watched.rival_tree.create(
        watched.name if is_directory else watched.child(),
        desired_access=AccessMask.FILE_READ_ATTRIBUTES if action == "stat" else READ_DATA,
        create_options=DIRECTORY if is_directory else CreateOptions.NONE,
        wait=False,
    )
    expect_quiet(watched.session)
    check(attempt.wait(), specification=Status.SUCCESS)
    if action == "list":
        check(attempt.open.query_directory(), specification=Status.SUCCESS)
    elif action == "read":
        check(attempt.open.read(), specification=(Status.SUCCESS, Status.END_OF_FILE))
    check(attempt.open.close(), specification=Status.SUCCESS)
    expect_quiet(watched.session)
    check.alive(watched.session)


def _parent(watched: Watched, which: str) -> list[CreateContext]:
    key = watched.lab.guid()
    if which == "no key":
        return [lease(key, R)]
    return [lease(key, R, parent=watched.key if which == "right key" else watched.lab.guid())]


def add(watched: Watched, contexts: list[CreateContext]) -> None:
    """A file is made."""
    watched.tree.open(watched.child(9), contexts=contexts)


def set_size(watched: Watched, contexts: list[CreateContext]) -> None:
    """A file gets another size."""
    file = watched.tree.open(watched.child(), contexts=contexts)
    changes.set_end_of_file(file).wait().required()
    file.close().required()


def set_dos_attributes(watched: Watched, contexts: list[CreateContext]) -> None:
    """A file gets other attributes."""
    file = watched.tree.open(watched.child(), contexts=contexts)
    changes.set_attributes(file).wait().required()
    file.close().required()


def set_times(watched: Watched, contexts: list[CreateContext]) -> None:
    """A file gets other times."""
    file = watched.tree.open(watched.child(), contexts=contexts)
    changes.set_times(file).wait().required()
    file.close().required()


def write_and_close(watched: Watched, contexts: list[CreateContext]) -> None:
    """A file is written to."""
    file = watched.tree.open(watched.child(), contexts=contexts)
    file.write(b"new").required()
    file.close().required()


def give_another_name(watched: Watched, contexts: list[CreateContext]) -> None:
    """A file gets another name."""
    file = watched.tree.open(watched.child(), contexts=contexts)
    changes.rename(file, watched.child(9)).required()


@case(
    "leases.directory-parent-key",
    requirements=["SMB2-3.3.5.9.11-07", "SMB2-3.3.5.9.11-06"],
    needs=[DIRECTORY_LEASING],
    variants={
        "change": [add, set_size, set_dos_attributes, set_times, write_and_close, give_another_name],
        "which": KEYS,
    },
    answers=[
        "smbtorture:dirlease.v2_request",
        "smbtorture:dirlease.seteof",
        "smbtorture:dirlease.setdos",
        "smbtorture:dirlease.setbtime",
        "smbtorture:dirlease.setmtime",
        "smbtorture:dirlease.setctime",
        "smbtorture:dirlease.setatime",
        "smbtorture:dirlease.rename",
        "smbtorture:hole.slip-dirlease-mtime",
    ],
)
def test_a_change_with_the_parents_key(
    lab: Lab, change: Callable[[Watched, list[CreateContext]], None], which: str
) -> None:
    """The holder's own change breaks its directory lease, unless the open names its key as the parent's."""
    watched = Watched(lab)
    change(watched, _parent(watched, which))
    if which == "right key":
        lab.settle()
        check.that(watched.session, "breaks", len(watched.session.lease_breaks), windows=0, broken=1)
    else:
        expect_break(watched.session, requirement="SMB2-3.3.5.9.11-06", specification=NONE)
    check.alive(watched.session)


@case(
    "leases.directory-parent-key-of-another-client",
    requirements=["SMB2-3.3.5.9.11-06"],
    needs=[DIRECTORY_LEASING],
)
def test_the_parents_key_of_another_client(lab: Lab) -> None:
    """Another client that names the same key as its parent's lease does not spare this client's directory
    lease.
    """
    watched = Watched(lab)
    context = lease(lab.guid(), R, parent=watched.key)
    watched.rival_tree.create(watched.child(9), contexts=[context], wait=False)
    expect_break(watched.session, specification=NONE, by_key=NO_BREAK)
    check.alive(watched.session)


@case(
    "leases.directory-written-to",
    requirements=["SMB2-3.3.5.9.11-07"],
    needs=[DIRECTORY_LEASING],
    answers=["smbtorture:dirlease.v2_request"],
)
def test_when_a_write_breaks_the_directory(lab: Lab) -> None:
    """Whether a write to a child takes the directory's read caching at once, or when the child is closed."""
    watched = Watched(lab)
    file = watched.rival_tree.open(watched.child())
    file.write(b"new").required()
    lab.settle()
    check.that(
        watched.session, "breaks after the write", len(watched.session.lease_breaks), windows=0, at_once=1
    )
    file.close().required()
    expect_break(watched.session, requirement="SMB2-3.3.5.9.11-06", specification=NONE)
    check.alive(watched.session)


@case(
    "leases.directory-handle-caching",
    requirements=["SMB2-3.3.1.4-04"],
    needs=[DIRECTORY_LEASING],
    variants={"answered": ["acknowledged", "closed"]},
    answers=[
        "smbtorture:dirlease.v2_request",
        "ms:DirectoryLeasing_BreakHandleCachingByConflictOpen",
        "smbtorture:hole.directory-lease-channels",
    ],
)
def test_a_directory_is_opened_in_conflict(lab: Lab, answered: str) -> None:
    """An open of a directory in conflict takes handle caching first; it succeeds where the directory is
    then closed.
    """
    watched = Watched(lab)
    attempt = watched.rival_tree.create(
        watched.name, create_options=DIRECTORY, desired_access=READ_DATA, share_access=SHARE_NONE, wait=False
    )
    expect_break(watched.session, specification=R)
    check.that(attempt, "pending", attempt.wait_pending(), specification=True)
    if answered == "closed":
        watched.directory.close().required()
        check(attempt.wait(), specification=Status.SUCCESS)
    else:
        watched.directory.acknowledge_lease(R).required()
        check(attempt.wait(), specification=Status.SHARING_VIOLATION)
    check.alive(watched.session)


@case(
    "leases.directory-several-holders",
    requirements=["SMB2-3.3.1.4-04"],
    needs=[DIRECTORY_LEASING],
    answers=["ms:BVT_DirectoryLeasing_LeaseBreakOnMultiClients"],
)
def test_several_holders_of_a_directory(lab: Lab) -> None:
    """An open in conflict takes handle caching from every client that has a lease of the directory."""
    watched = Watched(lab)
    second = lab.another_client()
    context = lease(lab.guid(), RH)
    other = second.tree().directory(watched.name, desired_access=READ_DATA, contexts=[context])
    attempt = watched.rival_tree.create(
        watched.name, create_options=DIRECTORY, desired_access=READ_DATA, share_access=SHARE_NONE, wait=False
    )
    for session in (watched.session, second):
        broken = expect_break(session, specification=R)
        epoch = broken.body.new_epoch
        check.that(session, "NewEpoch", epoch, requirement="SMB2-3.3.4.7-05", specification=2)
    watched.directory.close().required()
    other.close().required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(watched.session)


@case(
    "leases.directory-parent-renamed",
    requirements=["SMB2-3.3.1.4-04"],
    needs=[DIRECTORY_LEASING],
    answers=["ms:DirectoryLeasing_BreakHandleCachingByParentRenamed"],
)
def test_the_parent_of_a_directory_is_renamed(lab: Lab) -> None:
    """Renaming the parent of a leased directory takes handle caching first, and fails where that stays
    open.
    """
    tree = lab.another_client().tree()
    parent = tree.directory()
    name = lab.name("renamed")
    lab.created.append((tree.share, name))
    session = lab.logon()
    context = lease(lab.guid(), RH)
    path = f"{parent.name}\\directory"
    held = session.tree().directory(path, desired_access=READ_DATA, contexts=[context])
    answer = changes.rename(parent, name, wait=False)
    expect_break(session, specification=R)
    held.acknowledge_lease(R).required()
    check(answer.wait(), specification=(Status.ACCESS_DENIED, Status.SHARING_VIOLATION))
    check.alive(session)


@case(
    "leases.directory-destination-parent",
    requirements=["SMB2-3.3.1.4-06"],
    needs=[DIRECTORY_LEASING],
    answers=["smbtorture:dirlease.rename_dst_parent"],
)
def test_a_rename_into_a_directory_open_for_deletion(lab: Lab) -> None:
    """What a rename does into a directory that another client has open for DELETE, with handle caching."""
    session, rival = lab.logon(), lab.another_client()
    tree = session.tree()
    path = lab.name("destination")
    tree.directory(path).close()
    context = lease(lab.guid(), RH)
    held = tree.directory(path, desired_access=READ_DATA | AccessMask.DELETE, contexts=[context])
    source = rival.tree().open()
    target = f"{path}\\moved"
    lab.created.append((tree.share, target))
    answer = changes.rename(source, target, wait=False)
    broken = session.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(session, "the state that the break asks for", state, windows=R, changed=NONE, none=NO_BREAK)
    if broken.arrived and broken.body.flags:
        held.acknowledge_lease(broken.body.new_lease_state)
    check(answer.wait(), windows=Status.SHARING_VIOLATION, renamed=Status.SUCCESS)
    check.alive(session)


@case(
    "leases.directory-overwritten-child",
    requirements=["SMB2-3.3.5.9.11-06"],
    needs=[DIRECTORY_LEASING],
    answers=["smbtorture:dirlease.overwrite"],
)
def test_a_leased_child_is_overwritten(lab: Lab) -> None:
    """Overwriting a file breaks the lease of the file and that of its directory, one notification each."""
    watched = Watched(lab)
    key = lab.guid()
    watched.tree.open(watched.child(), contexts=[lease(key, RH, parent=watched.key)])
    attempt = watched.rival_tree.create(
        watched.child(), create_disposition=CreateDisposition.OVERWRITE, wait=False
    )
    lab.wait(lambda: len(watched.session.lease_breaks) > 1)
    broken = {one.body.lease_key: one.body.new_lease_state for one in watched.session.lease_breaks}
    check.that(
        watched.session, "what is broken", broken == {key: NONE, watched.key: NONE}, specification=True
    )
    for one in (watched.key, key):
        watched.tree.acknowledge_lease(one, NONE).required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(watched.session)


@case(
    "leases.directory-rename-between",
    requirements=["SMB2-3.3.5.9.11-06", "SMB2-3.3.5.9.11-07"],
    needs=[DIRECTORY_LEASING],
    variants={"key": ["source", "destination", "neither"], "how": ["rename", "link"]},
    answers=["smbtorture:dirlease.rename", "smbtorture:dirlease.hardlink"],
)
def test_a_rename_between_directories(lab: Lab, key: str, how: str) -> None:
    """A rename between two directories breaks both leases but the one whose key the file's open names."""
    watched = Watched(lab)
    other = lab.name("destination")
    watched.tree.directory(other).close()
    other_key = lab.guid()
    watched.tree.directory(other, desired_access=READ_DATA, contexts=[lease(other_key, RH)])
    parents = {"source": watched.key, "destination": other_key, "neither": lab.guid()}
    file = watched.tree.open(watched.child(), contexts=[lease(lab.guid(), R, parent=parents[key])])
    target = f"{other}\\moved"
    lab.created.append((watched.tree.share, target))
    (changes.rename if how == "rename" else changes.link)(file, target, wait=False)
    changed = {other_key} if how == "link" else {watched.key, other_key}
    expected = changed - {parents[key]}
    lab.wait(lambda: len(watched.session.lease_breaks) >= len(expected), 2.0)
    lab.settle()
    found = {one.body.lease_key for one in watched.session.lease_breaks}
    names = {watched.key: "source", other_key: "destination"}
    shown = " and ".join(sorted(names.get(one, "?") for one in found)) or "none"
    wanted = " and ".join(sorted(names[one] for one in expected)) or "none"
    if key == "neither":
        check.that(watched.session, "broken", shown, specification=wanted)
    else:
        check.that(watched.session, "broken", shown, requirement="SMB2-3.3.5.9.11-07", windows=wanted)
    check.alive(watched.session)


@case(
    "leases.directory-deleted-with-keys",
    requirements=["SMB2-3.3.5.9.11-07"],
    needs=[DIRECTORY_LEASING],
    variants={"keys": ["same", "different"], "how": ["disposition", "delete on close"]},
    answers=[
        "smbtorture:dirlease.unlink_same_set_and_close",
        "smbtorture:dirlease.unlink_different_set_and_close",
        "smbtorture:dirlease.unlink_same_initial_and_close",
        "smbtorture:dirlease.unlink_different_initial_and_close",
    ],
)
def test_a_deletion_by_two_opens(lab: Lab, keys: str, how: str) -> None:
    """Whether a deletion spares the lease of the directory that both the marking and the last open name."""
    watched = Watched(lab)
    first = lease(lab.guid(), R, parent=watched.key)
    parent = watched.key if keys == "same" else lab.guid()
    second = lease(lab.guid(), R, parent=parent)
    options = CreateOptions.DELETE_ON_CLOSE if how == "delete on close" else CreateOptions.NONE
    marking = watched.tree.open(watched.child(), contexts=[first], create_options=options)
    last = watched.tree.open(watched.child(), contexts=[second])
    if how == "disposition":
        changes.dispose(marking).required()
    marking.close().required()
    last.close().required()
    broken = watched.session.wait_lease_break(within=1.0)
    check.that(watched.session, "broken", broken.arrived, windows=keys != "same", otherwise=keys == "same")
    check.alive(watched.session)


@case(
    "leases.directory-break-retried",
    requirements=["SMB2-3.3.4.7-06"],
    needs=[DIRECTORY_LEASING, MULTI_CHANNEL],
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET]},
    answers=["smbtorture:hole.directory-lease-channels"],
)
def test_a_directory_breaks_over_the_other_channel(lab: Lab, fault: FaultKind) -> None:
    """The break of a directory's lease comes over the channel that is left, and is acknowledged there."""
    watched = Watched(lab, channels=2)
    lose(lab, watched.session.channels[0], fault, watched.directory)
    attempt = watched.rival_tree.create(watched.child(9), wait=False)
    expect_break(watched.session, specification=NONE)
    last = watched.session.channels[1]
    check(
        watched.directory.acknowledge_lease(NONE, on=last),
        requirement="SMB2-3.3.5.22.2-05",
        specification=Status.SUCCESS,
    )
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(watched.session)
