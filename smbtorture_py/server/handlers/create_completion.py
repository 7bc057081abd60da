"""The phases of CREATE after the object store has opened: "Successful Open Initialization", "Oplock
Acquisition", "Response Construction" ([MS-SMB2] 3.3.5.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.file_id import new_file_id
from smbtorture_py.server.handlers import create_app_instance, create_contexts, create_durable, create_lease
from smbtorture_py.server.open import LocalOpen, Open
from smbtorture_py.server.request import Reply
from smbtorture_py.wire.create import CreateAction, CreateOptions, CreateResponse, OplockLevel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.server import Server

_MODE_OPTIONS: Final = int(
    CreateOptions.WRITE_THROUGH | CreateOptions.SEQUENTIAL_ONLY | CreateOptions.NO_INTERMEDIATE_BUFFERING
)
"""The options that FileModeInformation shows again ([MS-FSCC] 2.4.31)."""


def initialize(server: Server, attempt: Attempt, stream: OpenStream, local_access: int) -> Open:
    """Make the Open and enter it in the tables (3.3.5.9 "Successful Open Initialization")."""
    request, body = attempt.request, attempt.body
    session, tree_connect = request.require_session(), request.require_tree()
    open_ = Open(
        file_id=new_file_id(server.entropy, session.open_table),
        durable_file_id=new_file_id(server.entropy, server.global_open_table),
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
        channel_sequence=server.policies.channel_sequence.at_create(request),
        delete_on_close=bool(attempt.create_options & CreateOptions.DELETE_ON_CLOSE),
        mode=attempt.create_options & _MODE_OPTIONS,
        asked=attempt.asked,
        share_name=tree_connect.share.name,
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
    if attempt.oplock_level is OplockLevel.LEASE:
        create_lease.acquire(server, attempt, open_)
    elif attempt.oplock_level is not OplockLevel.NONE:
        server.oplock_scheduler.acquire(open_, attempt.oplock_level)
    create_app_instance.record(server, attempt, open_)
    create_durable.grant(server, attempt, open_)
    return open_


def respond(server: Server, contexts: CreateContexts, open_: Open, action: CreateAction) -> Reply:
    """3.3.5.9 "Response Construction"."""
    open_.create_action = action
    info = open_.query()
    answers = create_contexts.respond(server, contexts, open_, info)
    answers += create_lease.respond(server, contexts, open_)
    answers += create_durable.respond(contexts, open_)
    return Reply(
        Status.SUCCESS,
        CreateResponse(
            oplock_level=open_.oplock_level,
            create_action=action,
            **info.network_open(),
            file_id=open_.wire_file_id,
            contexts=answers,
        ),
    )
