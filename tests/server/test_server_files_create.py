"""CREATE and CLOSE: dispositions, share modes, deletion, names, contexts."""

from __future__ import annotations

import pytest
from file_peer import ALL, EVERY_SHARE, FilePeer, create_request, file_server

from smbtorture_py.wire.close import CloseFlags, CloseRequest
from smbtorture_py.wire.create import (
    AccessMask,
    CreateAction,
    CreateDisposition,
    CreateOptions,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdRequest,
    QueryOnDiskIdResponse,
    TimewarpToken,
    find,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes, FileInformationClass, InfoType
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status


@pytest.fixture
def peer() -> FilePeer:
    return FilePeer(file_server())


@pytest.mark.parametrize(
    ("disposition", "missing", "existing"),
    [
        (CreateDisposition.SUPERSEDE, CreateAction.CREATED, CreateAction.SUPERSEDED),
        (CreateDisposition.OPEN, Status.OBJECT_NAME_NOT_FOUND, CreateAction.OPENED),
        (CreateDisposition.CREATE, CreateAction.CREATED, Status.OBJECT_NAME_COLLISION),
        (CreateDisposition.OPEN_IF, CreateAction.CREATED, CreateAction.OPENED),
        (CreateDisposition.OVERWRITE, Status.OBJECT_NAME_NOT_FOUND, CreateAction.OVERWRITTEN),
        (CreateDisposition.OVERWRITE_IF, CreateAction.CREATED, CreateAction.OVERWRITTEN),
    ],
)
def test_dispositions(peer, disposition, missing, existing) -> None:
    for expected in (missing, existing):
        if expected is existing:
            file = peer.open("f")
            peer.write(file.file_id, b"content")
            peer.close(file.file_id)
        answer = peer.call(create_request("F", create_disposition=disposition))
        if isinstance(expected, Status):
            assert answer.header.status == expected
            continue
        assert answer.header.status == Status.SUCCESS
        assert answer.body.create_action == expected

        assert answer.body.end_of_file == (7 if expected is CreateAction.OPENED else 0)
        peer.close(answer.body.file_id)


@pytest.mark.parametrize("name", ["..", "a\\..\\b", ".\\x", "\\x", "..\\..\\etc\\passwd"])
def test_dots_and_leading_separators_are_invalid_parameters(peer, name) -> None:
    peer.open(name, status=Status.INVALID_PARAMETER)


@pytest.mark.parametrize(
    "name", ["a/b", "a\0b", "a*", "a\\\\b", "x:y:z", "x::$DATA:", "x:", "y" * 256, "a|b", "n:/s"]
)
def test_illegal_names(peer, name) -> None:
    peer.open(name, status=Status.OBJECT_NAME_INVALID)


def test_missing_parent_and_file_as_parent(peer) -> None:
    peer.open("no\\x", status=Status.OBJECT_PATH_NOT_FOUND)
    peer.open("file")
    peer.open("file\\x", status=Status.OBJECT_PATH_NOT_FOUND)


def test_directories_and_files_are_told_apart(peer) -> None:
    peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    peer.open("f")
    peer.open("d", create_options=CreateOptions.NON_DIRECTORY_FILE, status=Status.FILE_IS_A_DIRECTORY)
    peer.open("f", create_options=CreateOptions.DIRECTORY_FILE, status=Status.NOT_A_DIRECTORY)
    both = CreateOptions.DIRECTORY_FILE | CreateOptions.NON_DIRECTORY_FILE
    peer.open("f", create_options=both, status=Status.INVALID_PARAMETER)
    assert peer.open("d").file_attributes & FileAttributes.DIRECTORY


def test_names_ignore_and_keep_case(peer) -> None:
    peer.open("MiXeD")
    file = peer.open("mixed", create_disposition=CreateDisposition.OPEN)
    answer = peer.call(
        QueryInfoRequest(
            info_type=InfoType.FILE,
            file_info_class=FileInformationClass.FILE_NORMALIZED_NAME_INFORMATION,
            output_buffer_length=200,
            file_id=file.file_id,
        )
    )
    assert bytes(answer.body.output_buffer)[4:].decode("utf-16-le") == "MiXeD"


@pytest.mark.parametrize(
    ("first", "shared", "second", "second_shared", "status"),
    [
        (
            AccessMask.FILE_READ_DATA,
            ShareAccess.READ,
            AccessMask.FILE_READ_DATA,
            ShareAccess.READ,
            Status.SUCCESS,
        ),
        (
            AccessMask.FILE_READ_DATA,
            ShareAccess.READ,
            AccessMask.FILE_WRITE_DATA,
            EVERY_SHARE,
            Status.SHARING_VIOLATION,
        ),
        (
            AccessMask.FILE_WRITE_DATA,
            EVERY_SHARE,
            AccessMask.FILE_READ_DATA,
            ShareAccess.READ,
            Status.SHARING_VIOLATION,
        ),
        (
            AccessMask.DELETE,
            EVERY_SHARE,
            AccessMask.FILE_READ_DATA,
            ShareAccess.READ,
            Status.SHARING_VIOLATION,
        ),
        (
            AccessMask.FILE_READ_ATTRIBUTES,
            ShareAccess.NONE,
            AccessMask.FILE_WRITE_DATA,
            ShareAccess.NONE,
            Status.SUCCESS,
        ),
        (
            AccessMask.FILE_EXECUTE,
            ShareAccess.NONE,
            AccessMask.FILE_READ_DATA,
            EVERY_SHARE,
            Status.SHARING_VIOLATION,
        ),
    ],
)
def test_share_modes(peer, first, shared, second, second_shared, status) -> None:
    peer.open("f", desired_access=first, share_access=shared)
    peer.open("f", desired_access=second, share_access=second_shared, status=status)


def test_delete_on_close_takes_effect_with_the_last_close(peer) -> None:
    doomed = peer.open("f", create_options=CreateOptions.DELETE_ON_CLOSE)
    other = peer.open("f")
    peer.close(doomed.file_id)
    peer.open("f", status=Status.DELETE_PENDING)
    peer.close(other.file_id)
    peer.open("f", create_disposition=CreateDisposition.OPEN, status=Status.OBJECT_NAME_NOT_FOUND)


def disposition(file, value: int) -> SetInfoRequest:
    return SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=FileInformationClass.FILE_DISPOSITION_INFORMATION,
        file_id=file.file_id,
        buffer=bytes([value]),
    )


def test_disposition_can_be_taken_back(peer) -> None:
    file = peer.open("f")
    assert peer.call(disposition(file, 1)).header.status == Status.SUCCESS
    peer.open("f", status=Status.DELETE_PENDING)
    assert peer.call(disposition(file, 0)).header.status == Status.SUCCESS
    peer.close(file.file_id)
    peer.open("f", create_disposition=CreateDisposition.OPEN)


def test_what_cannot_be_deleted(peer) -> None:
    directory = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    peer.open("d\\f")
    assert peer.call(disposition(directory, 1)).header.status == Status.DIRECTORY_NOT_EMPTY
    read_only = peer.open("r", file_attributes=FileAttributes.READONLY)
    assert peer.call(disposition(read_only, 1)).header.status == Status.CANNOT_DELETE
    root = peer.open("", create_disposition=CreateDisposition.OPEN)
    assert peer.call(disposition(root, 1)).header.status == Status.CANNOT_DELETE
    no_right = peer.open("f", desired_access=AccessMask.FILE_READ_DATA)
    assert peer.call(disposition(no_right, 1)).header.status == Status.ACCESS_DENIED


def test_read_only_file_is_not_opened_for_writing(peer) -> None:
    peer.close(peer.open("r", file_attributes=FileAttributes.READONLY).file_id)
    peer.open("r", desired_access=AccessMask.FILE_WRITE_DATA, status=Status.ACCESS_DENIED)
    peer.open("r", desired_access=AccessMask.FILE_READ_DATA)
    peer.open("r", desired_access=AccessMask.MAXIMUM_ALLOWED)


def test_fields_that_no_create_has(peer) -> None:
    peer.open("f", desired_access=AccessMask.NONE, status=Status.ACCESS_DENIED)
    peer.open("f", desired_access=AccessMask(0x00200000), status=Status.ACCESS_DENIED)
    peer.open("f", share_access=8, status=Status.INVALID_PARAMETER)
    peer.open("f", create_disposition=6, status=Status.INVALID_PARAMETER)
    peer.open("f", file_attributes=0x40, status=Status.INVALID_PARAMETER)
    peer.open("f", create_options=0x01000000, status=Status.INVALID_PARAMETER)
    peer.open("f", create_options=CreateOptions.OPEN_BY_FILE_ID, status=Status.NOT_SUPPORTED)
    peer.open("f", impersonation_level=4, status=Status.BAD_IMPERSONATION_LEVEL)
    peer.open("f", name_length=3, status=Status.INVALID_PARAMETER)
    peer.open("f", name_offset=64, status=Status.INVALID_PARAMETER)
    peer.open("f", name_length=2000, status=Status.INVALID_PARAMETER)


def test_contexts(peer) -> None:
    contexts = [
        QueryMaximalAccessRequest().envelope(),
        CreateContext(b"Xxxx", b"1"),
        QueryOnDiskIdRequest().envelope(),
    ]
    file = peer.open("f", contexts=contexts)
    maximal = find(file.contexts, QueryMaximalAccessResponse, [])
    assert maximal == QueryMaximalAccessResponse(query_status=0, maximal_access=ALL)
    disk = find(file.contexts, QueryOnDiskIdResponse, [])
    answer = peer.call(
        QueryInfoRequest(
            info_type=InfoType.FILE,
            file_info_class=FileInformationClass.FILE_INTERNAL_INFORMATION,
            output_buffer_length=8,
            file_id=file.file_id,
        )
    )
    assert disk is not None
    assert int.from_bytes(answer.body.output_buffer, "little") == disk.disk_file_id
    same = QueryMaximalAccessRequest(timestamp=file.change_time).envelope()
    known = find(peer.open("f", contexts=[same]).contexts, QueryMaximalAccessResponse, [])
    assert known == QueryMaximalAccessResponse(query_status=Status.NONE_MAPPED, maximal_access=0)
    peer.open("f", contexts=[TimewarpToken(timestamp=1).envelope()], status=Status.OBJECT_NAME_NOT_FOUND)
    peer.open("f", contexts=[CreateContext(b"abc", b"")], status=Status.INVALID_PARAMETER)
    peer.open("f", contexts=[CreateContext(b"MxAc", b"1234")], status=Status.INVALID_PARAMETER)


def test_close_tells_attributes_only_when_asked(peer) -> None:
    file = peer.open("f")
    peer.write(file.file_id, b"12345")
    asked = peer.call(CloseRequest(file_id=file.file_id, flags=CloseFlags.POSTQUERY_ATTRIB)).body
    assert (asked.flags, asked.end_of_file) == (CloseFlags.POSTQUERY_ATTRIB, 5)
    file = peer.open("f")
    plain = peer.call(CloseRequest(file_id=file.file_id)).body
    assert (plain.flags, plain.end_of_file, plain.creation_time) == (CloseFlags.NONE, 0, 0)
    assert peer.call(CloseRequest(file_id=file.file_id)).header.status == Status.FILE_CLOSED


def test_file_id_needs_both_halves(peer) -> None:
    file = peer.open("f")
    wrong = file.file_id._replace(persistent=file.file_id.persistent ^ 1)
    assert peer.call(CloseRequest(file_id=wrong)).header.status == Status.FILE_CLOSED
    peer.close(file.file_id)


def test_streams(peer) -> None:
    base = peer.open("f")
    stream = peer.open("f:Note")
    assert peer.write(stream.file_id, b"hello") == Status.SUCCESS
    assert peer.read(base.file_id, 5) == Status.END_OF_FILE
    again = peer.open("f:note:$DATA", create_disposition=CreateDisposition.OPEN)
    assert peer.read(again.file_id, 5) == b"hello"
    answer = peer.call(
        QueryInfoRequest(
            info_type=InfoType.FILE,
            file_info_class=FileInformationClass.FILE_STREAM_INFORMATION,
            output_buffer_length=200,
            file_id=base.file_id,
        )
    )
    names = bytes(answer.body.output_buffer).decode("utf-16-le", "replace")
    assert "::$DATA" in names
    assert ":Note:$DATA" in names
    peer.open("f:other", create_disposition=CreateDisposition.OPEN, status=Status.OBJECT_NAME_NOT_FOUND)


def test_read_only_share_takes_nothing_new() -> None:
    peer = FilePeer(file_server(read_only=True))
    peer.open("f", desired_access=AccessMask.FILE_READ_DATA, status=Status.ACCESS_DENIED)


@pytest.mark.parametrize(
    ("policy", "name", "status"),
    [
        ("specification", "a\\b\\..", Status.INVALID_PARAMETER),
        ("windows", "a\\b\\..", Status.SUCCESS),
        ("windows", "a\\.\\b", Status.SUCCESS),
        ("windows", "a\\..\\a", Status.INVALID_PARAMETER),
        ("windows", "..\\a", Status.OBJECT_PATH_SYNTAX_BAD),
        ("samba", "a\\..\\a", Status.SUCCESS),
        ("samba", "a\\b\\..\\..\\..", Status.OBJECT_PATH_SYNTAX_BAD),
    ],
)
def test_dots_in_a_path(policy: str, name: str, status: Status) -> None:
    peer = FilePeer(file_server(policy=policy))
    for made in ("a", "a\\b"):
        peer.open(made, create_options=CreateOptions.DIRECTORY_FILE)
    peer.open(name, status=status)
