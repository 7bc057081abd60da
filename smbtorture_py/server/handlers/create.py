"""CREATE ([MS-SMB2] 3.3.5.9; the object store's part is [MS-FSA] 2.1.5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from smbtorture_py.server.handlers import create_contexts
from smbtorture_py.server.handlers.create_contexts import CreateContexts
from smbtorture_py.server.open import LocalOpen, Open, touch_directory
from smbtorture_py.server.path_name import PathName, parse
from smbtorture_py.server.policies.create import IGNORED_OPTIONS, OVERWRITING
from smbtorture_py.server.request import PENDING, Outcome, Reply, Request
from smbtorture_py.server.storage import Node, NodeTimes, Storage, StorageError, fold
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.create import (
    AccessMask,
    CreateAction,
    CreateDisposition,
    CreateOptions,
    CreateRequest,
    CreateResponse,
    OplockLevel,
)
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.parts.file_table import OpenFile, OpenStream
    from smbtorture_py.server.server import Server

_ACTIONS: Final[dict[int, CreateAction]] = {
    CreateDisposition.SUPERSEDE: CreateAction.SUPERSEDED,
    CreateDisposition.OVERWRITE: CreateAction.OVERWRITTEN,
    CreateDisposition.OVERWRITE_IF: CreateAction.OVERWRITTEN,
}
_MUST_EXIST: Final = (CreateDisposition.OPEN, CreateDisposition.OVERWRITE)
_LEVELS: Final = frozenset(OplockLevel)
_MODE_OPTIONS: Final = int(
    CreateOptions.WRITE_THROUGH | CreateOptions.SEQUENTIAL_ONLY | CreateOptions.NO_INTERMEDIATE_BUFFERING
)
"""The options that FileModeInformation shows again ([MS-FSCC] 2.4.31)."""
_FIXED_SIZE: Final = 56
"""Bytes of a CREATE request in front of its Buffer ([MS-SMB2] 2.2.13)."""
STORED_ATTRIBUTES: Final = ~int(FileAttributes.NORMAL | FileAttributes.DIRECTORY)
_FILE_ID_SIZE: Final = 8
_INVALID_FILE_ID: Final = (1 << 64) - 1


@dataclass(slots=True)
class Attempt:
    """A CREATE under way: what its request comes to. A waiting one is attempted anew once a break has
    ended."""

    request: Request
    body: CreateRequest
    contexts: CreateContexts
    path_name: PathName
    storage: Storage
    desired_access: int
    share_access: int
    create_options: int
    oplock_level: OplockLevel
    is_waiting: bool = False


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Open or create a file or directory."""
    body = cast(CreateRequest, request.body)
    tree_connect = request.require_tree()
    policy = server.policies.create
    # "The server MUST fail the request with STATUS_INVALID_PARAMETER in the following cases".
    is_name_misplaced = body.name_length > 0 and body.name_offset < HEADER_SIZE + _FIXED_SIZE
    is_name_cut = body.name_offset + body.name_length > len(request.raw)
    if body.name_length % 2 or is_name_misplaced or (body.name_length > 0 and is_name_cut):
        return Reply(Status.INVALID_PARAMETER)
    # Path Name Validation.
    status = policy.impersonation_status(body.impersonation_level)
    if status != Status.SUCCESS:
        return Reply(status)
    storage = tree_connect.share.storage
    if tree_connect.share.is_pipe or storage is None:
        # Open Execution: "When opening a named pipe, if the ImpersonationLevel level is Delegate".
        status = policy.pipe_impersonation_status(body.impersonation_level)
        return Reply(policy.pipe_status(body.name) if status == Status.SUCCESS else status)
    try:
        path_name = parse(body.name, status_of_dots=policy.dots_status())
    except StorageError as error:
        return Reply(error.status)
    # Create Context Validation.
    contexts = create_contexts.read(body.contexts)
    if isinstance(contexts, Status):
        return Reply(contexts)
    status = create_contexts.refusal(contexts)
    if status != Status.SUCCESS:
        return Reply(status)
    # Open Execution.
    options = int(body.create_options)
    for status in (
        policy.fields_status(body.file_attributes, body.share_access, body.create_disposition),
        policy.options_status(options, body.create_disposition),
        policy.zero_access_status() if body.desired_access == 0 else Status.SUCCESS,
        policy.access_status(request, body.desired_access),
        policy.delete_on_close_status(tree_connect, body.desired_access, options),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    level = body.requested_oplock_level
    attempt = Attempt(
        request=request,
        body=body,
        contexts=contexts,
        path_name=path_name,
        storage=storage,
        desired_access=policy.effective_access(tree_connect, body.desired_access, options),
        share_access=policy.forced_share_access(tree_connect, body.share_access),
        create_options=options & ~int(IGNORED_OPTIONS),
        oplock_level=server.policies.oplock.requested_level(
            request, OplockLevel(level) if level in _LEVELS else OplockLevel.NONE
        ),
    )
    return _attempt(server, attempt, now)


def _attempt(server: Server, attempt: Attempt, now: float) -> Outcome:
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
        open_ = _initialize(server, attempt, stream, local_access)
        server.change_notifier.added(open_, now)
        return _respond(server, attempt, open_, CreateAction.CREATED)
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
    if _must_wait(server, attempt, stream, access, overwrites=overwrites, now=now):
        return _wait(server, attempt, stream)
    if not stream_exists:
        stream.content = node.create_stream(stream_name)
    if overwrites:
        server.oplock_scheduler.break_level_ii(stream, now)
        _overwrite(attempt, stream, now)
    open_ = _initialize(server, attempt, stream, local_access)
    if not stream_exists:
        server.change_notifier.stream_added(open_, now)
        return _respond(server, attempt, open_, CreateAction.CREATED)
    if overwrites:
        server.change_notifier.modified(open_, CompletionFilter.SIZE | CompletionFilter.LAST_WRITE, now)
    return _respond(server, attempt, open_, _ACTIONS[disposition] if overwrites else CreateAction.OPENED)


def _must_wait(
    server: Server, attempt: Attempt, stream: OpenStream, access: int, *, overwrites: bool, now: float
) -> bool:
    """Check share modes, and break an oplock that is in the way; True where its end must be awaited.

    Raises StorageError(SHARING_VIOLATION).
    """
    policy, scheduler, share_access = server.policies.create, server.oplock_scheduler, attempt.share_access
    if not stream.name and any(
        other.stream is not stream and policy.stream_sharing_conflicts(access, other)
        for other in stream.file.opens()
    ):
        raise StorageError(Status.SHARING_VIOLATION)
    while True:
        owner = scheduler.exclusive_owner(stream)
        conflicting = [
            other for other in stream.opens if policy.sharing_conflicts(access, share_access, other)
        ]
        if conflicting:
            # The holder of a batch oplock may have closed its file locally: it is asked first.
            if owner is None or owner not in conflicting or owner.oplock_level is not OplockLevel.BATCH:
                raise StorageError(Status.SHARING_VIOLATION)
            target = server.policies.oplock.level_after_break(overwrites=False)
        elif owner is None or (policy.is_stat_open(access) and not overwrites):
            return False
        else:
            target = server.policies.oplock.level_after_break(overwrites=overwrites)
        scheduler.start_break(owner, target, now)
        if scheduler.exclusive_owner(stream) is owner:
            return True


def _wait(server: Server, attempt: Attempt, stream: OpenStream) -> Outcome:
    """Make the request asynchronous until the break has ended, then try again (3.3.4.2)."""
    request = attempt.request

    def resume(now: float) -> None:
        outcome = _still_possible(server, request) or _attempt(server, attempt, now)
        if isinstance(outcome, Reply):
            request.complete(outcome, now)

    def cancel(now: float) -> None:
        if resume in stream.waiters:
            stream.waiters.remove(resume)
        request.complete(Reply(Status.CANCELLED), now)

    stream.waiters.append(resume)
    if attempt.is_waiting:
        request.on_cancel = cancel
        return PENDING
    attempt.is_waiting = True
    return request.pend(cancel)


def _still_possible(server: Server, request: Request) -> Reply | None:
    """What a request that waited is answered with where its session or tree connect is gone meanwhile."""
    session, tree_connect = request.require_session(), request.require_tree()
    if server.global_session_table.get(session.session_id) is not session:
        return Reply(Status.USER_SESSION_DELETED)
    if session.tree_connect_table.get(tree_connect.tree_id) is not tree_connect:
        return Reply(Status.NETWORK_NAME_DELETED)
    return None


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


def _initialize(server: Server, attempt: Attempt, stream: OpenStream, local_access: int) -> Open:
    """Make the Open and enter it in the tables (3.3.5.9 "Successful Open Initialization")."""
    request, body = attempt.request, attempt.body
    session, tree_connect = request.require_session(), request.require_tree()
    open_ = Open(
        file_id=_new_id(server, session.open_table),
        durable_file_id=_new_id(server, server.global_open_table),
        session=session,
        tree_connect=tree_connect,
        connection=request.connection,
        local_open=LocalOpen(stream, local_access),
        path=attempt.storage.spelling(attempt.path_name.path),
        file_name=body.name,
        desired_access=body.desired_access,
        granted_access=server.policies.create.granted_access(local_access),
        share_access=attempt.share_access,
        create_options=attempt.create_options,
        file_attributes=body.file_attributes,
        client_guid=request.connection.client_guid,
        file_global_id=server.new_global_id(),
        channel_sequence=request.header.channel_sequence,
        delete_on_close=bool(attempt.create_options & CreateOptions.DELETE_ON_CLOSE),
        mode=attempt.create_options & _MODE_OPTIONS,
    )
    stream.opens.append(open_)
    session.open_table[open_.file_id] = open_
    server.global_open_table[open_.durable_file_id] = open_
    tree_connect.open_count += 1
    request.open, request.file_id = open_, open_.wire_file_id
    allocation_size = attempt.contexts.allocation_size
    if allocation_size and stream.content is not None and stream.content.size == 0:
        stream.content.allocate(allocation_size)
    # Oplock Acquisition.
    if attempt.oplock_level not in (OplockLevel.NONE, OplockLevel.LEASE):
        server.oplock_scheduler.acquire(open_, attempt.oplock_level)
    return open_


def _new_id(server: Server, table: Mapping[int, Open]) -> int:
    """An unused half of a FileId; zero and all ones are never used (3.3.5.9)."""
    while True:
        number = int.from_bytes(server.entropy(_FILE_ID_SIZE), "little")
        if number not in (0, _INVALID_FILE_ID) and number not in table:
            return number


def _respond(server: Server, attempt: Attempt, open_: Open, action: CreateAction) -> Outcome:
    """3.3.5.9 "Response Construction"."""
    info = open_.query()
    return Reply(
        Status.SUCCESS,
        CreateResponse(
            oplock_level=open_.oplock_level,
            create_action=action,
            creation_time=info.creation_time,
            last_access_time=info.last_access_time,
            last_write_time=info.last_write_time,
            change_time=info.change_time,
            allocation_size=info.allocation_size,
            end_of_file=info.end_of_file,
            file_attributes=info.file_attributes,
            file_id=open_.wire_file_id,
            contexts=create_contexts.respond(server, attempt.contexts, open_, info),
        ),
    )
