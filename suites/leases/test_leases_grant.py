"""Which lease a CREATE gets ([MS-SMB2] 3.3.5.9 "Oplock Acquisition", 3.3.5.9.8, 3.3.5.9.11)."""

from collections.abc import Callable

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease, lease_v1
from smbtorture_py.conformance.needs import LEASING, NAMED_STREAMS, SMB2_0_2, SMB2_1, SMB3
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.create_contexts import CreateContext, RequestLease, RequestLeaseV2
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.leases.changes import link
from suites.leases.contest import (
    NONE,
    READ_DATA,
    V2,
    WH,
    Contest,
    H,
    W,
    asked,
    expect_break,
    expect_quiet,
    grant,
)

V1_ON = (Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)
V2_ON = V1_ON[1:]
VERSIONS = (1, V2)
DURATION = 0x1234


@case(
    "leases.grant",
    requirements=["SMB2-3.3.5.9.8-01", "SMB2-3.3.5.9.11-01"],
    needs=[LEASING, SMB3],
    variants={"state": [NONE, R, RH, RW, RWH], "version": VERSIONS},
    answers=["smbtorture:lease.request", "ms:Model_Lease"],
)
def test_a_lease_without_conflict(lab: Lab, state: LeaseState, version: int) -> None:
    """A file that nobody else has open gets the lease asked for, in a context of the version asked for."""
    tree = lab.logon().tree()
    key = lab.guid()
    answer = tree.create(contexts=[asked(key, state, version=version)])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "oplock_level", specification=OplockLevel.LEASE)
    granted = answer.open.lease
    check.that(answer, "version of the lease", 1 + hasattr(granted, "epoch"), specification=version)
    check.that(answer, "lease state", answer.open.lease_state, specification=state)
    check.that(answer, "lease key", granted and granted.lease_key, specification=key)
    check.alive(tree.session)


@case(
    "leases.grant-dialects",
    requirements=["SMB2-3.3.5.9.8-01", "SMB2-3.3.4.7-01"],
    needs=[LEASING],
    variants=[
        *({"dialect": dialect, "version": 1} for dialect in V1_ON),
        *({"dialect": dialect, "version": 2} for dialect in V2_ON),
    ],
)
def test_leases_in_each_dialect(lab: Lab, version: int) -> None:
    """From 2.1 on leases of version 1 are granted, in SMB 3 those of version 2; their breaks can be
    acknowledged.
    """
    plain = lab.another_client().tree().open(contexts=[asked(lab.guid(), RWH, version=version)])
    check.that(plain, "lease state", plain.lease_state, specification=RWH)
    contest = Contest(lab, RWH, version=version)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    check(contest.file.acknowledge_lease(RH), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.grant-without-read",
    requirements=["SMB2-3.3.5.9.8-02"],
    needs=[LEASING],
    variants={"state": [H, W, WH], "version": VERSIONS},
    answers=["smbtorture:lease.request"],
)
def test_a_lease_without_read_caching(lab: Lab, state: LeaseState, version: int) -> None:
    """A lease that would cache writes or handles but no reads is granted as asked for, or not at all."""
    if version == V2:
        lab.need(SMB3)
    file = lab.logon().tree().open(contexts=[asked(lab.guid(), state, version=version)])
    check.that(file, "lease state", file.lease_state, specification=state, permitted_none=NONE)
    check.alive(file.tree.session)


@case(
    "leases.dialect-2-0-2",
    requirements=["SMB2-3.3.5.9-24"],
    needs=[SMB2_0_2],
    variants={"version": VERSIONS, "dialect": [Dialect.SMB_2_0_2]},
)
def test_no_lease_in_2_0_2(lab: Lab, version: int) -> None:
    """On 2.0.2 a lease context has no effect, or makes the CREATE fail."""
    tree = lab.logon().tree()
    answer = tree.create(contexts=[asked(lab.guid(), RWH, version=version)])
    check(answer, specification=Status.SUCCESS, permitted_refused=Status.INVALID_PARAMETER)
    if answer.actual is Status.SUCCESS:
        check.that(answer, "lease", answer.open.lease, specification=None)
        check.field(answer, "oplock_level", specification=OplockLevel.NONE)
    check.alive(tree.session)


@case(
    "leases.version-2-on-2-1",
    requirements=["SMB2-3.3.5.9-26"],
    needs=[SMB2_1, LEASING],
    variants={"dialect": [Dialect.SMB_2_1]},
)
def test_version_2_on_2_1(lab: Lab) -> None:
    """On 2.1 a lease context of version 2 is ignored, or makes the CREATE fail."""
    tree = lab.logon().tree()
    tree.open(contexts=[lease_v1(lab.guid(), RWH)])
    answer = tree.create(contexts=[lease(lab.guid(), RWH)])
    check(answer, specification=Status.SUCCESS, permitted_refused=Status.INVALID_PARAMETER)
    if answer.actual is Status.SUCCESS:
        check.field(answer, "oplock_level", specification=OplockLevel.NONE, windows=OplockLevel.LEASE)
    check.alive(tree.session)


@case(
    "leases.context-length",
    requirements=["SMB2-3.3.5.9-23"],
    needs=[LEASING, SMB3],
    variants={"length": [0, 16, 31, 33, 51, 53, 64]},
)
def test_a_lease_context_of_a_wrong_length(lab: Lab, length: int) -> None:
    """A lease context of neither 32 nor 52 bytes makes the CREATE fail."""
    tree = lab.logon().tree()
    whole = bytes(lease(lab.guid(), RWH).data)
    check(tree.create(contexts=[lease(lab.guid(), RWH)]), specification=Status.SUCCESS)
    context = CreateContext(name=b"RqLs", data=whole.ljust(length, b"\0")[:length])
    check(tree.create(contexts=[context]), specification=Status.INVALID_PARAMETER)
    check.alive(tree.session)


@case(
    "leases.level-without-context",
    requirements=["SMB2-3.3.5.9-25"],
    needs=[LEASING],
    answers=["ms:hole.slip-oplock-level-lease"],
)
def test_the_level_without_the_context(lab: Lab) -> None:
    """RequestedOplockLevel LEASE without a lease context gets no oplock."""
    tree = lab.logon().tree()
    answer = tree.create(requested_oplock_level=OplockLevel.LEASE)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "oplock_level", specification=OplockLevel.NONE)
    check.alive(tree.session)


@case(
    "leases.context-without-level",
    requirements=["SMB2-3.3.5.9-27"],
    needs=[LEASING],
    variants={
        "level": [OplockLevel.NONE, OplockLevel.II, OplockLevel.EXCLUSIVE, OplockLevel.BATCH],
        "version": VERSIONS,
    },
)
def test_the_context_without_the_level(lab: Lab, level: OplockLevel, version: int) -> None:
    """A lease context is ignored where RequestedOplockLevel asks for an oplock: that is granted."""
    if version == V2:
        lab.need(SMB3)
    tree = lab.logon().tree()
    answer = tree.create(contexts=[asked(lab.guid(), RWH, version=version)], requested_oplock_level=level)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "oplock_level", specification=level, windows=OplockLevel.LEASE)
    has_lease = answer.open.lease is not None
    check.that(answer, "a lease in the response", has_lease, specification=False, windows=True)
    check.alive(tree.session)


def v1_flags(key: bytes) -> CreateContext:
    """Version 1 with LeaseFlags."""
    return RequestLease(lease_key=key, lease_state=RWH, lease_flags=LeaseFlags.BREAK_IN_PROGRESS).envelope()


def v1_duration(key: bytes) -> CreateContext:
    """Version 1 with LeaseDuration."""
    return RequestLease(lease_key=key, lease_state=RWH, lease_duration=DURATION).envelope()


def v2_flags(key: bytes) -> CreateContext:
    """Version 2 with the flag BREAK_IN_PROGRESS."""
    return lease(key, RWH, flags=LeaseFlags.BREAK_IN_PROGRESS)


def v2_duration(key: bytes) -> CreateContext:
    """Version 2 with LeaseDuration."""
    return RequestLeaseV2(lease_key=key, lease_state=RWH, lease_duration=DURATION).envelope()


def v2_reserved(key: bytes) -> CreateContext:
    """Version 2 with Reserved."""
    return RequestLeaseV2(lease_key=key, lease_state=RWH, reserved=DURATION).envelope()


@case(
    "leases.ignored-fields",
    requirements=["SMB2-2.2.13.2.8-01"],
    needs=[LEASING, SMB3],
    variants={"change": [v1_flags, v1_duration, v2_flags, v2_duration, v2_reserved]},
    answers=["smbtorture:lease.v2_flags_breaking"],
)
def test_fields_that_are_ignored(lab: Lab, change: Callable[[bytes], CreateContext]) -> None:
    """Flags, LeaseDuration and Reserved of a request are ignored: the lease is granted, with zero in each."""
    file = lab.logon().tree().open(contexts=[change(lab.guid())])
    granted = file.lease
    check.that(file, "lease state", file.lease_state, specification=RWH)
    check.that(
        file, "flags", int(getattr(granted, "flags", getattr(granted, "lease_flags", 0))), specification=0
    )
    check.that(file, "duration", getattr(granted, "lease_duration", None), specification=0)
    check.alive(file.tree.session)


@case(
    "leases.key-on-another-file",
    requirements=["SMB2-3.3.5.9.8-03"],
    needs=[LEASING],
    variants={"other": ["existing", "new"], "version": VERSIONS},
    answers=[
        "smbtorture:lease.duplicate_create",
        "smbtorture:lease.duplicate_open",
        "smbtorture:lease.request",
        "ms:Model_Lease",
    ],
)
def test_one_key_for_two_files(lab: Lab, other: str, version: int) -> None:
    """A lease key in use is refused for another file; once the first file is closed it is free."""
    if version == V2:
        lab.need(SMB3)
    tree = lab.logon().tree()
    key = lab.guid()
    first = grant(tree, key, RWH, version=version)
    name = lab.name("other")
    if other == "existing":
        tree.open(name).close()
    answer = tree.create(name, contexts=[asked(key, RWH, version=version)])
    check(answer, specification=Status.INVALID_PARAMETER)
    first.close().required()
    after = tree.create(name, contexts=[asked(key, RWH, version=version)])
    check(after, requirement="SMB2-3.3.4.17-01", specification=Status.SUCCESS)
    check.alive(tree.session)


@case(
    "leases.key-on-another-session",
    requirements=["SMB2-3.3.5.9.8-03"],
    needs=[LEASING],
    answers=["smbtorture:lease.duplicate_open"],
)
def test_one_key_for_two_files_in_two_sessions(lab: Lab) -> None:
    """A lease key in use is refused for another file also in another session of the same client."""
    tree, other = lab.logon().tree(), lab.logon().tree()
    key = lab.guid()
    grant(tree, key, RWH, version=1)
    check(other.create(contexts=[lease_v1(lab.guid(), RWH)]), specification=Status.SUCCESS)
    check(other.create(contexts=[lease_v1(key, RWH)]), specification=Status.INVALID_PARAMETER)
    check.alive(tree.session)


@case("leases.key-on-a-hardlink", requirements=["SMB2-3.3.5.9.8-04"], needs=[LEASING, SMB3])
def test_one_key_for_two_names(lab: Lab) -> None:
    """A lease belongs to a name: its key is refused for another hard link of the file."""
    tree = lab.logon().tree()
    key = lab.guid()
    file = grant(tree, key, R)
    other = lab.name("link")
    link(file, other).required()
    lab.created.append((tree.share, other))
    answer = tree.create(other, contexts=[lease(key, R)])
    check(answer, specification=Status.INVALID_PARAMETER, by_file=Status.SUCCESS)
    check.alive(tree.session)


@case(
    "leases.key-on-a-stream",
    requirements=["SMB2-3.3.5.9.8-04"],
    needs=[LEASING, SMB3, NAMED_STREAMS],
    answers=["smbtorture:lease.request"],
)
def test_one_key_for_file_and_stream(lab: Lab) -> None:
    """The key of a file's lease is refused for a stream of the file, which can have a lease with another
    key.
    """
    tree = lab.logon().tree()
    key = lab.guid()
    file = grant(tree, key, RWH)
    name = f"{file.name}:stream"
    other = tree.create(name, contexts=[lease(lab.guid(), RWH)])
    check(other, specification=Status.SUCCESS)
    check.that(other, "lease state", other.open.lease_state, specification=RWH)
    other.open.close().required()
    check(
        tree.create(name, contexts=[lease(key, RWH)]),
        specification=Status.INVALID_PARAMETER,
        by_file=Status.SUCCESS,
    )
    expect_quiet(tree.session)
    check.alive(tree.session)


@case("leases.key-of-a-deleted-file", requirements=["SMB2-3.3.5.9.8-12"], needs=[LEASING, SMB3])
def test_the_key_of_a_file_deleted_on_close(lab: Lab) -> None:
    """Where the open that made the lease deletes its file on close, the key may be used for another file
    meanwhile.
    """
    tree = lab.logon().tree()
    key = lab.guid()
    grant(tree, key, RH, create_options=CreateOptions.DELETE_ON_CLOSE)
    answer = tree.create(contexts=[lease(key, RH)])
    check(answer, specification=Status.SUCCESS, by_name=Status.INVALID_PARAMETER)
    check.alive(tree.session)


ORDER = (NONE, R, RH, RW, RWH)


def pairs(kind: str) -> list[dict[str, LeaseState]]:
    """Every pair of a state held and a state asked for: a superset, a subset (or the same), or neither."""
    found = []
    for held in ORDER:
        for wanted in ORDER:
            is_superset, is_subset = held & ~wanted == 0 and held != wanted, wanted & ~held == 0
            actual = "superset" if is_superset else "subset" if is_subset else "neither"
            if actual == kind:
                found.append({"held": held, "wanted": wanted})
    return found


@case(
    "leases.upgrade",
    requirements=["SMB2-3.3.5.9.8-05"],
    needs=[LEASING, SMB3],
    variants=pairs("superset"),
    answers=["smbtorture:lease.upgrade", "smbtorture:lease.upgrade2"],
)
def test_upgrade(lab: Lab, held: LeaseState, wanted: LeaseState) -> None:
    """An open with the key that asks for more than the lease has gets it, where nobody else has the file
    open.
    """
    tree = lab.logon().tree()
    key = lab.guid()
    file = grant(tree, key, held)
    again = tree.open(file.name, contexts=[lease(key, wanted)])
    check.that(again, "lease state", again.lease_state, specification=wanted)
    check.alive(tree.session)


@case(
    "leases.no-downgrade",
    requirements=["SMB2-3.3.5.9.8-06"],
    needs=[LEASING, SMB3],
    variants=pairs("subset"),
    answers=["smbtorture:lease.upgrade", "smbtorture:lease.upgrade2"],
)
def test_no_downgrade(lab: Lab, held: LeaseState, wanted: LeaseState) -> None:
    """An open with the key that asks for less than the lease has, or the same, leaves the lease as it is."""
    tree = lab.logon().tree()
    key = lab.guid()
    file = grant(tree, key, held)
    again = tree.open(file.name, contexts=[lease(key, wanted)])
    check.that(again, "lease state", again.lease_state, specification=held)
    expect_quiet(tree.session)
    check.alive(tree.session)


@case(
    "leases.neither-more-nor-less",
    requirements=["SMB2-3.3.5.9.8-14"],
    needs=[LEASING, SMB3],
    variants=pairs("neither"),
    answers=["smbtorture:lease.upgrade2", "smbtorture:lease.upgrade"],
)
def test_neither_more_nor_less(lab: Lab, held: LeaseState, wanted: LeaseState) -> None:
    """An open with the key that asks for something else takes nothing away: the lease stays or becomes the
    union.
    """
    tree = lab.logon().tree()
    key = lab.guid()
    file = grant(tree, key, held)
    again = tree.open(file.name, contexts=[lease(key, wanted)])
    check.that(again, "lease state", again.lease_state, specification=held, permitted_union=held | wanted)
    check.alive(tree.session)


@case(
    "leases.upgrade-beside-another",
    requirements=["SMB2-3.3.5.9.8-07"],
    needs=[LEASING, SMB3],
    variants=[
        {"held": held, "other": other, "wanted": wanted}
        for held in (NONE, R, RH)
        for other in (NONE, R, RH)
        for wanted in (RH, RW, RWH)
        if held != wanted and not (held == RH and wanted == RW)
    ],
    answers=["smbtorture:lease.upgrade3"],
)
def test_upgrade_beside_another_lease(
    lab: Lab, held: LeaseState, other: LeaseState, wanted: LeaseState
) -> None:
    """Beside a lease of another client an upgrade gives no write caching, takes nothing away and breaks
    nothing.
    """
    contest = Contest(lab, held)
    rivals = lab.guid()
    grant(contest.rival_tree, rivals, other, contest.name)
    again = contest.again(wanted)
    possible = wanted & ~W
    check.that(again, "lease state", again.lease_state, specification=possible, permitted_not_promoted=held)
    expect_quiet(contest.rival)
    check.alive(contest.holder)


@case(
    "leases.contended-grant",
    requirements=["SMB2-3.3.5.9.8-11", "SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    variants={"held": [R, RH, RW, RWH], "wanted": [R, RH, RW, RWH]},
    answers=["smbtorture:lease.break", "ms:Model_Lease"],
)
def test_grant_beside_another_lease(lab: Lab, held: LeaseState, wanted: LeaseState) -> None:
    """A second client takes write caching from the first and gets what it asked for without it."""
    contest = Contest(lab, held)
    attempt = contest.contend(contexts=[lease(lab.guid(), wanted)])
    if held & W:
        expect_break(contest.holder, requirement="SMB2-3.3.1.4-02", specification=held & ~W)
        contest.acknowledge(held & ~W)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=wanted & ~W)
    again = contest.again()
    check.that(again, "the holder's lease", again.lease_state, specification=held & ~W)
    expect_quiet(contest.holder, int(bool(held & W)))
    check.alive(contest.holder)


@case(
    "leases.same-key-two-clients",
    requirements=["SMB2-3.3.5.9.8-13"],
    needs=[LEASING, SMB3],
)
def test_one_key_of_two_clients(lab: Lab) -> None:
    """Two clients may use one lease key for different files: their leases have nothing to do with each
    other.
    """
    contest = Contest(lab, RWH)
    other = contest.rival_tree.create(contexts=[lease(contest.key, RWH)])
    check(other, specification=Status.SUCCESS)
    check.that(other, "lease state", other.open.lease_state, specification=RWH)
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case("leases.same-key-two-clients-one-file", requirements=["SMB2-3.3.5.9.8-13"], needs=[LEASING, SMB3])
def test_one_key_of_two_clients_for_one_file(lab: Lab) -> None:
    """Two clients with one key for one file break each other's lease, or share it where the key alone
    counts.
    """
    contest = Contest(lab, RWH)
    attempt = contest.contend(contexts=[lease(contest.key, RWH)])
    broken = contest.holder.wait_lease_break(within=1.0)
    if broken.arrived:
        contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    outcome = (broken.arrived, attempt.open.lease_state)
    check.that(
        attempt,
        "broken, granted",
        str(outcome),
        specification=str((True, RH)),
        permitted_shared=str((False, RWH)),
    )
    check.alive(contest.holder)


@case(
    "leases.same-key-second-session",
    requirements=["SMB2-3.3.1.4-05"],
    needs=[LEASING, SMB3],
)
def test_a_lease_spans_the_sessions_of_a_client(lab: Lab) -> None:
    """Sessions with one ClientGuid share a lease: an open with its key in the second upgrades it."""
    first, second = lab.logon(), lab.logon()
    key = lab.guid()
    file = grant(first.tree(), key, RH)
    again = second.tree().open(file.name, contexts=[lease(key, RWH)])
    check.that(again, "lease state", again.lease_state, specification=RWH)
    file.write(b"first").required()
    again.write(b"second").required()
    expect_quiet(first)
    expect_quiet(second)
    check.alive(first)
    check.alive(second)


@case(
    "leases.beside-stat-open",
    requirements=["SMB2-3.3.1.4-10"],
    needs=[LEASING, SMB3],
    variants={"whose": ["other client", "same client", "same key"]},
    answers=[
        "smbtorture:lease.statopen2",
        "smbtorture:lease.statopen3",
        "smbtorture:durable-v2-open.stat-and-lease",
    ],
)
def test_grant_beside_an_open_for_attributes(lab: Lab, whose: str) -> None:
    """An open for attributes only keeps nobody from a lease with write caching."""
    session, rival = lab.logon(), lab.another_client()
    tree = session.tree()
    key = lab.guid()
    name = lab.name()
    tree.open(name).close()
    stat = AccessMask.FILE_READ_ATTRIBUTES
    if whose == "same key":
        tree.open(name, desired_access=stat, contexts=[lease(key, NONE)])
    else:
        (rival.tree() if whose == "other client" else tree).open(name, desired_access=stat)
    file = tree.open(name, contexts=[lease(key, RWH)])
    check.that(file, "lease state", file.lease_state, fsa=RWH, samba=R)
    check.alive(session)


@case(
    "leases.beside-leased-stat-open",
    requirements=["SMB2-3.3.1.4-10"],
    needs=[LEASING, SMB3],
    variants={"whose": ["other client", "same client"]},
    answers=["smbtorture:durable-v2-open.statRH-and-lease"],
)
def test_grant_beside_an_open_for_attributes_that_has_a_lease(lab: Lab, whose: str) -> None:
    """What lease a file gets beside an open for attributes that holds one of RH; that one is not broken."""
    session, rival = lab.logon(), lab.another_client()
    name = lab.name()
    session.tree().open(name).close()
    holder = rival if whose == "other client" else session
    stat = AccessMask.FILE_READ_ATTRIBUTES
    held = holder.tree().open(name, desired_access=stat, contexts=[lease(lab.guid(), RH)])
    check.that(held, "lease of the open for attributes", held.lease_state, fsa=RH, less=(R, NONE, None))
    file = session.tree().open(name, contexts=[lease(lab.guid(), RWH)])
    check.that(file, "lease state", file.lease_state, fsa=RH, all=RWH)
    check.that(holder, "breaks", len(holder.lease_breaks), fsa=0, asked=1)
    check.alive(session)


@case(
    "leases.own-key-breaks-nothing",
    requirements=["SMB2-3.3.1.4-05"],
    needs=[LEASING],
    variants={"version": VERSIONS},
)
def test_opens_of_one_key(lab: Lab, version: int) -> None:
    """Opening, writing, locking and overwriting through opens of one lease key breaks nothing."""
    if version == V2:
        lab.need(SMB3)
    session = lab.logon()
    tree = session.tree()
    key = lab.guid()
    first = grant(tree, key, RWH, version=version)
    context = asked(key, RWH, version=version)
    second = tree.create(first.name, contexts=[context], wait=False)
    expect_quiet(session)
    check(second.wait(), specification=Status.SUCCESS)
    for file in (first, second.open):
        check(file.write(b"mine"), specification=Status.SUCCESS)
        check(file.lock(), specification=Status.SUCCESS)
        check(file.unlock(), specification=Status.SUCCESS)
    overwriting = CreateDisposition.OVERWRITE_IF
    third = tree.create(first.name, contexts=[context], create_disposition=overwriting, wait=False)
    expect_quiet(session)
    check(third.wait(), specification=Status.SUCCESS)
    check.that(third, "lease state", third.open.lease_state, specification=RWH)
    expect_quiet(session)
    check.alive(session)


@case(
    "leases.no-lease-no-break",
    requirements=["SMB2-3.3.1.4-07"],
    needs=[LEASING, SMB3],
    variants={"held": [R, RH]},
)
def test_reading_opens_break_nothing_shared(lab: Lab, held: LeaseState) -> None:
    """Caching that can be shared is left alone by another client that opens the file without conflict."""
    contest = Contest(lab, held)
    attempt = contest.contend(desired_access=READ_DATA)
    check(attempt.wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder)
    check.alive(contest.holder)
