"""Application instances that move to another client ([MS-SMB2] 3.3.5.9.13)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.answer import CreateAnswer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, any_error, check
from smbtorture_py.conformance.lab import Lab, LabOpen, LabTree
from smbtorture_py.conformance.lab.handle_contexts import (
    RH,
    RWH,
    app_instance,
    app_instance_version,
    durable_v2,
    lease,
)
from smbtorture_py.conformance.needs import (
    DIRECTORY_LEASING,
    DURABLE_HANDLES,
    ENCRYPTED_SHARE,
    LEASING,
    SMB3,
    SMB3_0_2,
    SMB311,
    WRITE_ONLY_SHARE,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import AccessMask, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.durable.handles import Client, Kind
from suites.tree.dialects import SMB_3

DATA: Final = b"still mine"
MOVES: Final = "SMB2-3.3.5.9.13-01"
WRITING: Final = AccessMask.FILE_WRITE_DATA | AccessMask.SYNCHRONIZE
"""What opens a file for writing alone."""
AT_ONCE: Final = 2.0
"""Seconds in which an answer comes that waits for nobody."""


def opening(
    tree: LabTree,
    name: str | None,
    *contexts: CreateContext,
    level: OplockLevel = OplockLevel.NONE,
    encrypt: bool | None = None,
) -> CreateAnswer:
    """A CREATE that shares nothing."""
    if encrypt is None:
        return tree.create(
            name, contexts=contexts, share_access=ShareAccess.NONE, requested_oplock_level=level
        )
    return tree.create(name, contexts=contexts, share_access=ShareAccess.NONE, encrypt=encrypt)


def check_closed(file: LabOpen) -> None:
    """Its client can no longer use it."""
    check(file.write(DATA), specification=Status.FILE_CLOSED, kept=Status.SUCCESS)


def check_open(file: LabOpen) -> None:
    """Its client can still use it."""
    check(file.write(DATA), specification=Status.SUCCESS)


def version(text: str) -> CreateContext:
    """The version of an application instance, high and low."""
    high, low = text.split(".")
    return app_instance_version(int(high), int(low))


@case(
    "durable.app-instance",
    requirements=["SMB2-3.3.5.9.13-01", "SMB2-3.3.5.9.10-19"],
    needs=[SMB3],
    variants={"dialect": SMB_3, "durable": [True, False]},
    answers=[
        "smbtorture:durable-v2-open.app-instance",
        "smbtorture:hole.app-instance",
        "ms:BVT_AppInstanceId",
        "ms:AppInstanceId_Smb311",
        "ms:AppInstanceId_Smb302",
    ],
)
def test_an_application_moves_to_another_client(lab: Lab, durable: bool) -> None:
    """An open of a client for an application instance closes that of another client."""
    first, second = lab.logon(), lab.another_client()
    instance, guid = lab.guid(), lab.guid()
    extra = [durable_v2(guid)] if durable else []
    file = opening(first.tree(), None, app_instance(instance), *extra).open
    answer = opening(second.tree(), file.name, app_instance(instance), *extra)
    check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check_closed(file)
    check_open(answer.open)
    check.alive(first)


@case(
    "durable.app-instance-and-back",
    requirements=["SMB2-3.3.5.9.13-01"],
    needs=[SMB3],
)
def test_an_application_moves_back(lab: Lab) -> None:
    """An application instance moves to another client and back again."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    trees = (first.tree(), second.tree())
    file = opening(trees[0], None, app_instance(instance), durable_v2(lab.guid())).open
    for number in (1, 0, 1):
        answer = opening(trees[number], file.name, app_instance(instance), durable_v2(lab.guid()))
        check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
        check_closed(file)
        file = answer.open
    check.alive(second)


@case(
    "durable.app-instance-without-break",
    requirements=["SMB2-3.3.5.9.13-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [Kind.V2_BATCH, Kind.V2_LEASE_V2]},
    answers=["smbtorture:durable-v2-open.app-instance"],
)
def test_an_application_moves_without_a_break(lab: Lab, kind: Kind) -> None:
    """An open that an application instance leaves behind is closed without a break, and is not durable any
    more.
    """
    first, second = Client(lab.logon()), lab.another_client()
    instance = lab.guid()
    handle = first.handle(kind, share_access=ShareAccess.NONE, contexts=[app_instance(instance)])
    contexts = [app_instance(instance), durable_v2(lab.guid())]
    answer = second.tree().create(handle.file.name, contexts=contexts, wait=False)
    check(answer.wait(AT_ONCE), specification=Status.SUCCESS, ignored=NO_ANSWER)
    check_closed(handle.file)
    breaks = len(first.session.lease_breaks) + len(first.session.oplock_breaks)
    check.that(first.session, "breaks", breaks, specification=0)
    first.lose()
    back = first.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check_open(answer.open)
    check.alive(back.session)


@case(
    "durable.app-instance-lease-is-free",
    requirements=["SMB2-3.3.5.9.13-01"],
    needs=[SMB3, LEASING],
    answers=["ms:AppInstanceId_FileLeasing_NoLeaseInReOpen"],
)
def test_the_lease_of_a_left_application_is_gone(lab: Lab) -> None:
    """After an application instance has moved nobody is asked to give up its old lease."""
    first, second, third = lab.logon(), lab.another_client(), lab.another_client()
    instance = lab.guid()
    contexts = [app_instance(instance), durable_v2(lab.guid()), lease(lab.guid(), RWH)]
    file = first.tree().open(contexts=contexts)
    contexts = [app_instance(instance), durable_v2(lab.guid())]
    moving = second.tree().create(file.name, contexts=contexts, wait=False)
    check(moving.wait(AT_ONCE), specification=Status.SUCCESS, ignored=NO_ANSWER)
    answer = third.tree().create(file.name)
    check(answer, specification=Status.SUCCESS)
    check.that(first, "breaks", len(first.lease_breaks), specification=0, asked=1)
    check_closed(file)
    check.alive(third)


@case(
    "durable.app-instance-directory-lease-is-free",
    requirements=["SMB2-3.3.5.9.13-01"],
    needs=[SMB3, DIRECTORY_LEASING],
    answers=["ms:AppInstanceId_DirectoryLeasing_NoLeaseInReOpen"],
)
def test_the_lease_of_a_left_directory_is_gone(lab: Lab) -> None:
    """After an application instance has moved nobody is asked to give up its old lease of a directory."""
    first, second, third = lab.logon(), lab.another_client(), lab.another_client()
    instance = lab.guid()
    contexts = [app_instance(instance), durable_v2(lab.guid()), lease(lab.guid(), RH)]
    directory = first.tree().directory(contexts=contexts)
    contexts = [app_instance(instance), durable_v2(lab.guid())]
    options = CreateOptions.DIRECTORY_FILE
    answer = second.tree().create(directory.name, create_options=options, contexts=contexts)
    check(answer, specification=Status.SUCCESS)
    check(third.tree().create(f"{directory.name}\\new"), specification=Status.SUCCESS)
    lab.settle()
    check.that(first, "breaks", len(first.lease_breaks), specification=0, asked=1)
    queried = directory.query_directory()
    check(queried, specification=Status.FILE_CLOSED, kept=Status.SUCCESS)
    check.alive(third)


@case(
    "durable.app-instance-locks",
    requirements=["SMB2-3.3.5.9.13-01"],
    needs=[SMB3],
    answers=["ms:AppInstanceId_Lock_ExpectNoLockInReOpen"],
)
def test_the_locks_of_a_left_application_are_gone(lab: Lab) -> None:
    """After an application instance has moved its old locks are in nobody's way."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = first.tree().open(contexts=[app_instance(instance), durable_v2(lab.guid())])
    file.lock().required()
    new = second.tree().open(file.name, contexts=[app_instance(instance), durable_v2(lab.guid())])
    check(new.lock(), specification=Status.SUCCESS, ignored=Status.LOCK_NOT_GRANTED)
    check.alive(first)


@case(
    "durable.app-instance-same-client",
    requirements=["SMB2-3.3.5.9.13-02"],
    needs=[SMB3],
    variants={"session": ["same", "other"]},
)
def test_an_application_of_one_client(lab: Lab, session: str) -> None:
    """Two opens of one client for one application instance meet as any two opens do."""
    first = lab.logon()
    second = first if session == "same" else lab.logon()
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), durable_v2(lab.guid())).open
    answer = opening(second.tree(), file.name, app_instance(instance), durable_v2(lab.guid()))
    check(answer, specification=Status.SHARING_VIOLATION)
    check_open(file)
    check.alive(first)


@case(
    "durable.app-instance-other",
    requirements=["SMB2-3.3.5.9.13-03", "SMB2-3.3.5.9.13-01"],
    needs=[SMB3],
    variants={"first": ["one", "none"], "second": ["other", "none"]},
    answers=[
        "ms:AppInstanceId_Negative_DifferentAppInstanceIdInReopen",
        "ms:hole.slip-app-instance-other",
        "ms:Model_AppInstanceId",
    ],
)
def test_another_application(lab: Lab, first: str, second: str) -> None:
    """Opens for different application instances, or for none, meet as any two opens do."""
    session, other = lab.logon(), lab.another_client()
    one = [app_instance(lab.guid())] if first == "one" else []
    another = [app_instance(lab.guid())] if second == "other" else []
    file = opening(session.tree(), None, *one, durable_v2(lab.guid())).open
    answer = opening(other.tree(), file.name, *another, durable_v2(lab.guid()))
    check(answer, specification=Status.SHARING_VIOLATION)
    check_open(file)
    check.alive(session)


@case(
    "durable.app-instance-other-path",
    requirements=["SMB2-3.3.5.9.13-03"],
    needs=[SMB3],
    answers=["ms:Model_AppInstanceId"],
)
def test_an_application_with_two_files(lab: Lab) -> None:
    """An open of another file for the same application instance closes nothing."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), durable_v2(lab.guid())).open
    answer = opening(second.tree(), None, app_instance(instance), durable_v2(lab.guid()))
    check(answer, specification=Status.SUCCESS)
    check_open(file)
    check.alive(first)


@case(
    "durable.app-instance-other-share",
    requirements=["SMB2-3.3.5.9.13-03"],
    needs=[SMB3, ENCRYPTED_SHARE],
    answers=["ms:Model_AppInstanceId"],
)
def test_an_application_on_two_shares(lab: Lab) -> None:
    """An open of the same path on another share for the same application instance closes nothing."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), durable_v2(lab.guid())).open
    tree = second.tree(ShareRole.ENCRYPTED)
    answer = opening(tree, file.name, app_instance(instance), durable_v2(lab.guid()))
    check(answer, specification=Status.SUCCESS)
    check_open(file)
    check.alive(first)


@case(
    "durable.app-instance-encrypted",
    requirements=["SMB2-3.3.5.9.13-01"],
    needs=[SMB3, ENCRYPTED_SHARE],
    answers=["ms:AppInstanceId_Encryption"],
)
def test_an_application_on_an_encrypted_share(lab: Lab) -> None:
    """On an encrypted share an application instance moves as on any other."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(ShareRole.ENCRYPTED), None, app_instance(instance)).open
    answer = opening(second.tree(ShareRole.ENCRYPTED), file.name, app_instance(instance))
    check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check_closed(file)
    check.alive(first)


@case(
    "durable.app-instance-unencrypted",
    requirements=["SMB2-3.3.5.2.11-01", "SMB2-3.3.5.9.13-01"],
    needs=[SMB3, ENCRYPTED_SHARE],
    answers=[
        "ms:AppInstanceId_Negative_EncryptionInInitialOpen_NoEncryptionInReOpen",
        "ms:AppInstanceId_Negative_NoEncryptionInInitialOpen_EncryptionInReOpen",
    ],
)
def test_a_refused_open_moves_no_application(lab: Lab) -> None:
    """An unencrypted open on an encrypted share is refused and does not close what another client has."""
    lab.require_clear_sessions()
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(ShareRole.ENCRYPTED), None, app_instance(instance)).open
    tree = second.tree(ShareRole.ENCRYPTED)
    answer = opening(tree, file.name, app_instance(instance), encrypt=False)
    check(answer, specification=Status.ACCESS_DENIED)
    check(file.write(DATA), specification=Status.SUCCESS)
    check.alive(first)


@case(
    "durable.app-instance-version-refused",
    requirements=["SMB2-3.3.5.9.13-05"],
    needs=[SMB311],
    variants=[
        {"stored": "2.0", "asked": "1.9"},
        {"stored": "1.5", "asked": "1.5"},
        {"stored": "1.5", "asked": "1.4"},
        {"stored": "1.5", "asked": "0.6"},
        {"stored": "0.1", "asked": "0.0"},
    ],
    answers=[
        "smbtorture:hole.app-instance",
        "ms:BVT_AppInstanceVersion_SMB311_SameVersion",
        "ms:BVT_AppInstanceVersion_SMB311_LowerAppInstanceVersionHigh",
        "ms:BVT_AppInstanceVersion_SMB311_LowerAppInstanceVersionLow",
    ],
)
def test_a_version_that_is_not_greater(lab: Lab, stored: str, asked: str) -> None:
    """An application instance does not move to a client whose version of it is not greater."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), version(stored)).open
    answer = opening(second.tree(), file.name, app_instance(instance), version(asked))
    check(answer, specification=Status.FILE_FORCED_CLOSED, ignored=Status.SHARING_VIOLATION)
    check_open(file)
    check.alive(first)


@case(
    "durable.app-instance-version-taken",
    requirements=["SMB2-3.3.5.9.13-07"],
    needs=[SMB311],
    variants=[
        {"stored": "1.5", "asked": "1.6"},
        {"stored": "1.5", "asked": "2.0"},
        {"stored": "1.5", "asked": "2.9"},
        {"stored": "0.0", "asked": "0.1"},
    ],
    answers=["smbtorture:hole.app-instance", "ms:BVT_AppInstanceVersion_SMB311_GreaterVersion"],
)
def test_a_version_that_is_greater(lab: Lab, stored: str, asked: str) -> None:
    """An application instance moves to a client whose version of it is greater."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), version(stored)).open
    answer = opening(second.tree(), file.name, app_instance(instance), version(asked))
    check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check_closed(file)
    check.alive(first)


@case(
    "durable.app-instance-version-missing",
    requirements=["SMB2-3.3.5.9.13-06"],
    needs=[SMB311],
    variants={"other": SMB_3},
    answers=["ms:Negative_AppInstanceVersion_SMB311_NoVersion", "ms:AppInstanceVersion_SMB311_SMB302"],
)
def test_a_version_that_is_missing(lab: Lab, other: Dialect) -> None:
    """An application instance with a version does not move to a client that names none, in any dialect."""
    first, second = lab.logon(), lab.another_client(dialect=other)
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), version("1.0")).open
    answer = opening(second.tree(), file.name, app_instance(instance))
    check(answer, specification=Status.FILE_FORCED_CLOSED, ignored=Status.SHARING_VIOLATION)
    check_open(file)
    check.alive(first)


@case(
    "durable.app-instance-version-first",
    requirements=["SMB2-3.3.5.9.13-07"],
    needs=[SMB311],
    answers=["ms:AppInstanceVersion_SMB302_SMB311"],
)
def test_a_version_where_there_was_none(lab: Lab) -> None:
    """An application instance without a version moves to a client that names one."""
    first, second = lab.logon(), lab.another_client()
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance)).open
    answer = opening(second.tree(), file.name, app_instance(instance), version("0.1"))
    check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check_closed(file)
    check.alive(first)


@case(
    "durable.app-instance-version-below-3-1-1",
    requirements=["SMB2-3.3.5.9.13-13"],
    needs=[SMB311, SMB3_0_2],
    variants={"older": ["first", "second"]},
    answers=["ms:AppInstanceVersion_SMB311_SMB302"],
)
def test_a_version_below_3_1_1(lab: Lab, older: str) -> None:
    """Over a connection of 3.0.2 the version of an application instance is neither kept nor compared."""
    first = lab.logon(offer={"dialect": Dialect.SMB_3_0_2 if older == "first" else Dialect.SMB_3_1_1})
    second = lab.another_client(dialect=Dialect.SMB_3_0_2 if older == "second" else Dialect.SMB_3_1_1)
    instance = lab.guid()
    file = opening(first.tree(), None, app_instance(instance), version("2.0")).open
    answer = opening(second.tree(), file.name, app_instance(instance), version("1.0"))
    check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check_closed(file)
    check.alive(first)


@case(
    "durable.app-instance-beside-reconnect",
    requirements=["SMB2-3.3.5.9.13-08"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_reconnect_moves_no_application(lab: Lab) -> None:
    """A reconnect that also names an application instance is a reconnect and closes nothing."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    instance = lab.guid()
    handle = client.handle(Kind.V2_LEASE_V2, state=RH)
    contexts = [app_instance(instance), lease(lab.guid(), RH)]
    file = other.tree.open(handle.file.name, contexts=contexts)
    client.leave(other)
    back = client.back()
    answer = handle.reconnect(back, contexts=[*handle.contexts(), app_instance(instance)])
    check(answer, specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    check(file.read(), specification=[Status.SUCCESS, Status.END_OF_FILE])
    check.alive(back.session)


@case(
    "durable.app-instance-structure-size",
    requirements=["SMB2-3.3.5.9.13-11"],
    needs=[SMB3],
    variants={"size": [0, 19, 21, 0xFFFF]},
)
def test_the_structure_size_of_an_application_instance(lab: Lab, size: int) -> None:
    """A server may check the StructureSize of the context that names an application instance."""
    session = lab.logon()
    context = app_instance(lab.guid())
    data = bytearray(context.data)
    data[:2] = size.to_bytes(2, "little")
    context.data = bytes(data)
    answer = opening(session.tree(), None, context)
    check(answer, specification=Status.SUCCESS, permitted_to_check=any_error())
    check.alive(session)


@case(
    "durable.app-instance-after-a-refused-open",
    requirements=["SMB2-3.3.5.2.11-01"],
    needs=[SMB3, ENCRYPTED_SHARE],
    answers=["ms:AppInstanceId_Negative_NoEncryptionInInitialOpen_EncryptionInReOpen"],
)
def test_a_refused_open_starts_no_application(lab: Lab) -> None:
    """An application instance whose first open was refused as not encrypted opens on another client."""
    lab.require_clear_sessions()
    first, second = lab.logon(), lab.another_client()
    instance, name = lab.guid(), lab.name()
    tree = first.tree(ShareRole.ENCRYPTED)
    answer = opening(tree, name, app_instance(instance), encrypt=False)
    check(answer, specification=Status.ACCESS_DENIED)
    answer = opening(second.tree(ShareRole.ENCRYPTED), name, app_instance(instance))
    check(answer, specification=Status.SUCCESS)
    check.alive(second)


def writing(tree: LabTree, name: str | None, *contexts: CreateContext) -> CreateAnswer:
    """A CREATE that writes and does not read, and shares nothing."""
    return tree.create(name, contexts=contexts, desired_access=WRITING, share_access=ShareAccess.NONE)


def check_moved(answer: CreateAnswer) -> None:
    """It is open on the other client."""
    check(answer, requirement=MOVES, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)


@case(
    "durable.app-instance-unreadable",
    requirements=["SMB2-3.3.5.9.13-09", MOVES],
    needs=[SMB3, WRITE_ONLY_SHARE],
)
def test_an_application_that_may_not_read_its_file(lab: Lab) -> None:
    """An application instance stays where it is if its user may not read the file; where they may, it
    moves.
    """
    first, second = lab.logon(), lab.another_client()
    for role in (ShareRole.PLAIN, ShareRole.WRITE_ONLY):
        instance = lab.guid()
        file = writing(first.tree(role), None, app_instance(instance), durable_v2(lab.guid())).open
        answer = writing(second.tree(role), file.name, app_instance(instance), durable_v2(lab.guid()))
        if role is ShareRole.PLAIN:
            check_moved(answer)
        else:
            check(answer, specification=Status.SHARING_VIOLATION, closed=Status.SUCCESS)
            check_open(file)
    check.alive(first)


@case(
    "durable.app-instance-unreadable-without-guid",
    requirements=["SMB2-3.3.5.9.13-10", MOVES],
    needs=[SMB311, WRITE_ONLY_SHARE],
)
def test_an_application_without_guid_that_may_not_read_its_file(lab: Lab) -> None:
    """An open without CreateGuid should be closed when its application instance moves, whether the user may
    read the file or not.
    """
    first, second = lab.logon(), lab.another_client()
    for role in (ShareRole.PLAIN, ShareRole.WRITE_ONLY):
        instance = lab.guid()
        file = writing(first.tree(role), None, app_instance(instance)).open
        answer = writing(second.tree(role), file.name, app_instance(instance))
        if role is ShareRole.PLAIN:
            check_moved(answer)
        else:
            check(answer, specification=Status.SUCCESS, windows_2012=Status.SHARING_VIOLATION)
    check.alive(second)
