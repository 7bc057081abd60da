"""The "Open Execution" phase of CREATE ([MS-SMB2] 3.3.5.9; the object store's part is [MS-FSA] 2.1.5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.handlers import create_conflicts
from smbtorture_py.server.handlers.create_completion import initialize, respond
from smbtorture_py.server.open import touch_directory
from smbtorture_py.server.policies.create import OVERWRITING
from smbtorture_py.server.request import Outcome, Reply
from smbtorture_py.server.storage import Node, NodeTimes, StorageError, fold
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import AccessMask, CreateAction, CreateDisposition, CreateOptions
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.parts.file_table import OpenFile, OpenStream
    from smbtorture_py.server.server import Server

_ACTIONS: Final[dict[int, CreateAction]] = {
    CreateDisposition.SUPERSEDE: CreateAction.SUPERSEDED,
    CreateDisposition.OVERWRITE: CreateAction.OVERWRITTEN,
    CreateDisposition.OVERWRITE_IF: CreateAction.OVERWRITTEN,
}
_MUST_EXIST: Final = (CreateDisposition.OPEN, CreateDisposition.OVERWRITE)
STORED_ATTRIBUTES: Final = ~int(FileAttributes.NORMAL | FileAttributes.DIRECTORY)
"""The attributes that a storage keeps."""


def execute(server: Server, attempt: Attempt, now: float) -> Outcome:
    """Try to open; an oplock in the way makes the request wait, and it is tried again from here."""
    try:
        return _open(server, attempt, now)
    except StorageError as error:
        return Reply(error.status)


def _open(server: Server, attempt: Attempt, now: float) -> Outcome:
    storage, path_name = attempt.storage, attempt.path_name
    _check_parent(server, attempt)
    node = storage.lookup(path_name.path)
    if node is None:
        return _create(server, attempt, now)
    file = server.file_table.file_of(storage, node)
    try:
        return _open_existing(server, attempt, file, now)
    finally:
        server.file_table.forget_if_unused(file)


def _check_parent(server: Server, attempt: Attempt) -> None:
    """Nothing can be opened in a directory that is about to be deleted ([MS-FSA] 2.1.5.1)."""
    if not attempt.path_name.path:
        return
    parent = attempt.storage.lookup(attempt.path_name.path[:-1])
    if parent is None:
        raise StorageError(Status.OBJECT_PATH_NOT_FOUND)
    file = server.file_table.find(attempt.storage, parent.file_id)
    is_directory = parent.is_directory
    parent.close()
    if not is_directory:
        raise StorageError(Status.OBJECT_PATH_NOT_FOUND)
    if file is not None and file.delete_pending:
        raise StorageError(Status.DELETE_PENDING)


def _create(server: Server, attempt: Attempt, now: float) -> Outcome:
    """Create what does not exist ([MS-FSA] 2.1.5.1.1)."""
    body, path_name, storage = attempt.body, attempt.path_name, attempt.storage
    tree_connect = attempt.request.require_tree()
    if body.create_disposition in _MUST_EXIST:
        raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
    is_directory = bool(attempt.create_options & CreateOptions.DIRECTORY_FILE)
    if path_name.stream and is_directory:
        raise StorageError(Status.NOT_A_DIRECTORY)
    if path_name.names_directory and not is_directory:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if path_name.names_data and is_directory:
        raise StorageError(Status.NOT_A_DIRECTORY)
    if path_name.stream and not storage.supports_streams:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if tree_connect.share.config.read_only:
        raise StorageError(Status.ACCESS_DENIED)
    is_read_only = bool(body.file_attributes & FileAttributes.READONLY)
    if is_read_only and attempt.create_options & CreateOptions.DELETE_ON_CLOSE:
        raise StorageError(Status.CANNOT_DELETE)
    if body.file_attributes & FileAttributes.TEMPORARY and is_directory:
        raise StorageError(Status.INVALID_PARAMETER)
    attributes = body.file_attributes & STORED_ATTRIBUTES
    if not is_directory:
        attributes |= FileAttributes.ARCHIVE
    node = storage.create(
        path_name.path, is_directory=is_directory, file_attributes=attributes, now=to_filetime(now)
    )
    file = server.file_table.file_of(storage, node)
    try:
        _apply_to_new_file(attempt, file.node)
        content = file.node.create_stream(path_name.stream) if path_name.stream else file.node.stream("")
        touch_directory(storage, path_name.path[:-1], now)
        stream = server.file_table.stream_of(file, path_name.stream, content)
        local_access = server.policies.create.local_access(tree_connect, attempt.desired_access, 0)
        open_ = initialize(server, attempt, stream, local_access)
        server.change_notifier.added(open_, now)
        server.break_check.check_parent(open_, now)
        return respond(server, attempt.contexts, open_, CreateAction.CREATED)
    finally:
        server.file_table.forget_if_unused(file)


def _apply_to_new_file(attempt: Attempt, node: Node) -> None:
    """Store what the contexts ask for on a file that was created (3.3.5.9.1, .2, .3)."""
    contexts = attempt.contexts
    for name, value in contexts.extended_attributes:
        node.set_extended_attribute(name, value)
    if contexts.security_descriptor is not None:
        node.set_security_descriptor(contexts.security_descriptor)


def _open_existing(server: Server, attempt: Attempt, file: OpenFile, now: float) -> Outcome:
    """Open what exists ([MS-FSA] 2.1.5.1.2)."""
    body, path_name, node = attempt.body, attempt.path_name, file.node
    policy = server.policies.create
    options, disposition = attempt.create_options, body.create_disposition
    stream_name = path_name.stream
    content = node.stream(stream_name)
    stream_exists = not stream_name or content is not None
    if stream_exists and disposition == CreateDisposition.CREATE and not file.delete_pending:
        raise StorageError(Status.OBJECT_NAME_COLLISION)
    if node.is_directory and not stream_name:
        if path_name.names_data and options & CreateOptions.DIRECTORY_FILE:
            raise StorageError(Status.NOT_A_DIRECTORY)
        if options & CreateOptions.NON_DIRECTORY_FILE or path_name.names_data:
            raise StorageError(Status.FILE_IS_A_DIRECTORY)
    elif options & CreateOptions.DIRECTORY_FILE:
        raise StorageError(Status.NOT_A_DIRECTORY)
    elif path_name.names_directory:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if file.delete_pending:
        raise StorageError(Status.DELETE_PENDING)
    info = node.info()
    if not stream_exists and disposition in _MUST_EXIST:
        raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
    overwrites = stream_exists and disposition in OVERWRITING
    is_file = content is not None or bool(stream_name)
    if overwrites and not is_file:
        raise StorageError(Status.INVALID_PARAMETER)
    tree_connect = attempt.request.require_tree()
    local_access = policy.local_access(tree_connect, attempt.desired_access, info.file_attributes)
    granted = policy.granted_access(local_access)
    if info.file_attributes & FileAttributes.READONLY and not node.is_directory:
        status = policy.read_only_status(granted, options)
        if status == Status.SUCCESS and overwrites:
            status = Status.ACCESS_DENIED
        if status != Status.SUCCESS:
            raise StorageError(status)
    if overwrites and not stream_name:
        status = policy.overwrite_status(info.file_attributes, body.file_attributes)
        if status != Status.SUCCESS:
            raise StorageError(status)
    if (overwrites or not stream_exists) and tree_connect.share.config.read_only:
        raise StorageError(Status.ACCESS_DENIED)
    if options & CreateOptions.DELETE_ON_CLOSE and not path_name.path:
        raise StorageError(Status.CANNOT_DELETE)
    known = file.streams.get(fold(stream_name))
    if known is not None and known.delete_pending:
        raise StorageError(Status.DELETE_PENDING)
    stream = server.file_table.stream_of(file, node.stream_name(stream_name), content)
    # Overwriting writes, whatever was asked for.
    access = granted | (AccessMask.FILE_WRITE_DATA if overwrites else 0)
    if create_conflicts.must_wait(server, attempt, stream, access, overwrites=overwrites, now=now):
        return create_conflicts.wait(attempt, stream, lambda later: execute(server, attempt, later))
    if not server.file_table.has(stream):
        # A break that reached nobody has closed the only open (3.3.4.6), and the file may be gone with it.
        return _open(server, attempt, now)
    if not stream_exists:
        stream.content = node.create_stream(stream_name)
    if overwrites:
        _overwrite(attempt, stream, now)
    open_ = initialize(server, attempt, stream, local_access)
    if not stream_exists:
        server.change_notifier.stream_added(open_, now)
        return respond(server, attempt.contexts, open_, CreateAction.CREATED)
    if overwrites:
        server.change_notifier.modified(open_, CompletionFilter.SIZE | CompletionFilter.LAST_WRITE, now)
        server.break_check.check_parent(open_, now)
    return respond(
        server, attempt.contexts, open_, _ACTIONS[disposition] if overwrites else CreateAction.OPENED
    )


def _overwrite(attempt: Attempt, stream: OpenStream, now: float) -> None:
    """Empty a stream; of a whole file, replace what is kept about it ([MS-FSA] 2.1.5.1.2)."""
    node, body = stream.file.node, attempt.body
    if stream.content is not None:
        stream.content.truncate(0)
    time = to_filetime(now)
    creation = time if body.create_disposition == CreateDisposition.SUPERSEDE else None
    if not stream.name:
        for entry in node.streams():
            if entry.name and fold(entry.name) not in stream.file.streams:
                node.remove_stream(entry.name)
        for name, _ in node.extended_attributes():
            node.set_extended_attribute(name, b"")
        for name, value in attempt.contexts.extended_attributes:
            node.set_extended_attribute(name, value)
        node.set_attributes(body.file_attributes & STORED_ATTRIBUTES | FileAttributes.ARCHIVE)
    node.set_times(NodeTimes(creation, time, time, time))
