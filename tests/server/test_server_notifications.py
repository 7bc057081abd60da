"""SERVER_TO_CLIENT_NOTIFICATION, and CHANGE_NOTIFY as products differ in it."""

from __future__ import annotations

import pytest
from file_peer import FilePeer, file_server
from server_peer import ALL_CAPABILITIES, GUID, NOW, Peer, make_server

from smbtorture_py.server.loss import close_session
from smbtorture_py.wire.change_notify import (
    ChangeNotifyFlags,
    ChangeNotifyRequest,
    CompletionFilter,
    NotifyAction,
)
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.create import AccessMask, CreateOptions
from smbtorture_py.wire.fscc.change_notification import FileNotifyInformation
from smbtorture_py.wire.fscc.file_information import FileRenameInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.notification import NotificationType, ServerToClientNotification
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status

ASKING = ALL_CAPABILITIES | Capabilities.NOTIFICATIONS


def test_notifications_are_agreed_on_3_1_1() -> None:
    for offered, dialects, asked, agreed in (
        (True, (Dialect.SMB_3_1_1,), ASKING, True),
        (False, (Dialect.SMB_3_1_1,), ASKING, False),
        (True, (Dialect.SMB_3_0_2,), ASKING, False),
        (True, (Dialect.SMB_3_1_1,), ALL_CAPABILITIES, False),
    ):
        peer = Peer(make_server(notifications=offered))
        answer = peer.negotiate(dialects, capabilities=asked)
        assert (Capabilities.NOTIFICATIONS in answer.body.capabilities) is agreed
        assert peer.setup().header.status == Status.SUCCESS
        (session,) = peer.server.global_session_table.values()
        assert session.supports_notifications is agreed
        close_session(peer.server, session, NOW)
        assert len(peer.take()) == agreed
        assert not peer.server.global_session_table


@pytest.mark.parametrize("required", [False, True])
def test_a_session_that_is_closed_says_so_on_its_first_channel(required: bool) -> None:
    server = make_server(notifications=True)
    mode = SecurityMode.SIGNING_REQUIRED if required else SecurityMode.SIGNING_ENABLED
    first, second = Peer(server), Peer(server, port=50001)
    first.negotiate(capabilities=ASKING, security_mode=mode)
    assert first.setup().header.status == Status.SUCCESS
    second.negotiate(capabilities=ASKING, security_mode=mode)
    assert second.setup(bind=first.keys).header.status == Status.SUCCESS
    (session,) = server.global_session_table.values()
    close_session(server, session, NOW)
    (message,) = first.take()
    assert second.take() == []
    header, body = message.header, message.body
    assert isinstance(body, ServerToClientNotification)
    assert (body.notification_type, bytes(body.notification)) == (NotificationType.SESSION_CLOSED, bytes(4))
    assert (header.command, header.message_id) == (Command.SERVER_TO_CLIENT_NOTIFICATION, (1 << 64) - 1)
    assert (header.session_id, header.tree_id, header.credits) == (session.session_id, 0, 0)
    assert bool(header.flags & HeaderFlags.SIGNED) is required


def test_channels_agree_about_notifications() -> None:
    server = make_server(notifications=True)
    first, second = Peer(server), Peer(server, port=50001)
    first.negotiate(capabilities=ASKING)
    assert first.setup().header.status == Status.SUCCESS
    second.negotiate(guid=GUID)
    assert second.setup(bind=first.keys).header.status == Status.INVALID_PARAMETER


def watch(peer: FilePeer, directory, **fields):
    fields.setdefault("output_buffer_length", 1000)
    fields.setdefault("completion_filter", CompletionFilter(0xFFF))
    answer = peer.call(ChangeNotifyRequest(file_id=directory.file_id, **fields))
    assert answer.header.status == Status.PENDING
    return answer


def changes(message) -> list[tuple[int, str]]:
    data, found = bytes(message.body.output_buffer), []
    position = 0
    while True:
        following = int.from_bytes(data[position : position + 4], "little")
        entry = FileNotifyInformation.decode(
            data[position : position + following] if following else data[position:], []
        )
        found.append((entry.action, entry.file_name))
        if not following:
            return found
        position += following


@pytest.mark.parametrize(
    ("policy", "status"), [("specification", Status.SUCCESS), ("windows", Status.NOTIFY_ENUM_DIR)]
)
def test_a_first_buffer_that_is_too_small(policy: str, status: Status) -> None:
    peer = FilePeer(file_server(policy=policy))
    other = FilePeer(peer.server, port=50002)
    directory = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    for length, expected in ((1, Status.NOTIFY_ENUM_DIR), (1000, status)):
        watch(peer, directory, output_buffer_length=length, completion_filter=CompletionFilter.FILE_NAME)
        other.open(f"d\\{length}")
        (answer,) = peer.take()
        assert answer.header.status == expected
        if expected == Status.SUCCESS:
            assert changes(answer) == [(NotifyAction.ADDED, str(length))]


@pytest.mark.parametrize(
    ("policy", "modified"), [("specification", False), ("windows", True), ("samba", True)]
)
def test_a_rename_modifies_the_file(policy: str, modified: bool) -> None:
    peer = FilePeer(file_server(policy=policy))
    other = FilePeer(peer.server, port=50002)
    directory = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    peer.close(directory.file_id)
    # Open for DELETE, it would take no new name.
    directory = peer.open("d", desired_access=AccessMask.FILE_LIST_DIRECTORY)
    file = other.open("d\\one")
    watch(peer, directory, completion_filter=CompletionFilter.ATTRIBUTES, flags=ChangeNotifyFlags.WATCH_TREE)
    data = FileRenameInformation(file_name="d\\two", file_name_length=10).encode()
    request = SetInfoRequest(
        info_type=InfoType.FILE, file_info_class=FileInformationClass.FILE_RENAME_INFORMATION, buffer=data,
        file_id=file.file_id,
    )  # fmt: skip
    assert other.call(request).header.status == Status.SUCCESS
    answers = peer.take()
    assert len(answers) == modified
    for answer in answers:
        assert changes(answer) == [(NotifyAction.MODIFIED, "two")]


def test_delete_on_close_of_a_directory_ends_its_watches() -> None:
    peer = FilePeer(file_server())
    directory = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    watch(peer, directory)
    doomed = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE | CreateOptions.DELETE_ON_CLOSE)
    answers = peer.calls(CloseRequest(file_id=doomed.file_id))
    assert Status.DELETE_PENDING in [answer.header.status for answer in answers]
