"""Persistent opens on their way over a restart of the server ([MS-SMB2] 3.3.5.9.10, 3.3.5.9.12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from smbtorture_py.auth.accounts import Identity
from smbtorture_py.server.lease import Lease, LeasedName
from smbtorture_py.server.open import LocalOpen, LockSequence, Open, OplockState
from smbtorture_py.server.persistent_state import LeaseRecord, PersistentOpen
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import CreateAction, OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakFlags, LeaseBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.server import Server


class PersistentOpens:
    """Keeps the records of persistent opens true, and makes opens of them when the server starts."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._state = server.config.persistent_state
        self._kept: dict[int, PersistentOpen] = {}
        """What the state holds, by DurableFileId."""
        self._touched: dict[int, Open] = {}

    def touch(self, open_: Open) -> None:
        """Note that something about an open may have changed."""
        if open_.is_persistent and self._state is not None:
            self._touched[open_.durable_file_id] = open_

    def keep(self, answered: Iterable[Request] = ()) -> None:
        """Bring the state up to date, before these requests are answered."""
        state = self._state
        if state is None:
            return
        for request in answered:
            if request.open is not None:
                self.touch(request.open)
                # What was done through one open, a new name for one, may be true of all of the file.
                for other in request.open.file.opens():
                    self.touch(other)
        touched, self._touched = self._touched, {}
        for open_ in touched.values():
            record = None if open_.is_closed else PersistentOpen.of(open_)
            if record is not None and self._kept.get(record.durable_file_id) != record:
                state.store(record)
                self._kept[record.durable_file_id] = record

    def forget(self, open_: Open) -> None:
        """Drop the record of an open that is closed."""
        state = self._state
        if state is not None and self._kept.pop(open_.durable_file_id, None) is not None:
            state.remove(open_.durable_file_id)

    def let_go(self) -> None:
        """Change no record any more: from now on they are another server's."""
        self._state = None

    def restore(self, now: float) -> None:
        """Make opens of the records that an earlier server left; one whose file or share is gone is
        dropped."""
        state = self._state
        if state is None:
            return
        for record in state.load():
            open_ = self._restored(record, now)
            if open_ is None:
                state.remove(record.durable_file_id)
            else:
                self._kept[record.durable_file_id] = record

    def _restored(self, record: PersistentOpen, now: float) -> Open | None:
        server = self._server
        stream = self._stream(record)
        if stream is None:
            return None
        owner = record.owner
        open_ = Open(
            file_id=0,
            durable_file_id=record.durable_file_id,
            session=None,
            tree_connect=None,
            connection=None,
            local_open=LocalOpen(stream, record.local_access),
            path=record.path,
            file_name=record.file_name,
            desired_access=record.desired_access,
            granted_access=server.policies.create.granted_access(record.local_access),
            share_access=record.share_access,
            create_options=record.create_options,
            file_attributes=record.file_attributes,
            client_guid=record.client_guid,
            file_global_id=server.new_global_id(),
            is_durable=True,
            is_persistent=True,
            durable_open_timeout=record.durable_open_timeout,
            durable_owner=Identity(owner.user, owner.domain, owner.is_guest, owner.is_anonymous),
            create_guid=record.create_guid,
            app_instance_id=record.app_instance_id,
            application_instance_version=record.application_instance_version,
            channel_sequence=record.channel_sequence,
            is_replay_eligible=record.is_replay_eligible,
            asked=record.asked,
            share_name=record.share,
            create_action=CreateAction(record.create_action),
            delete_on_close=record.delete_on_close,
            is_modified=record.is_modified,
            mode=record.mode,
            is_restored=True,
        )
        stream.opens.append(open_)
        if record.delete_pending and stream.name:
            stream.delete_pending = True
        elif record.delete_pending:
            stream.file.delete_pending = True
        for lock in record.locks:
            stream.locks.lock(open_, lock.offset, lock.length, exclusive=lock.exclusive)
        for entry in record.lock_sequences:
            open_.lock_sequence_array[entry.index] = LockSequence(entry.sequence_number, valid=True)
        if record.lease is not None:
            self._join_lease(open_, record.lease)
        elif record.oplock_level:
            open_.oplock_level, open_.oplock_state = OplockLevel(record.oplock_level), OplockState.HELD
        server.global_open_table[open_.durable_file_id] = open_
        server.create_guid_table.enter(open_)
        server.durable_opens.preserve(open_, now)
        return open_

    def _stream(self, record: PersistentOpen) -> OpenStream | None:
        """Open what a record is about once more; None where that is gone."""
        server = self._server
        share = server.share_list.get(record.share.casefold())
        if share is None or share.storage is None or not share.is_continuously_available:
            return None
        try:
            node = share.storage.lookup(record.path)
        except StorageError:
            return None
        if node is None:
            return None
        file = server.file_table.file_of(share.storage, node)
        content = file.node.stream(record.stream)
        if content is None and (record.stream or not file.node.is_directory):
            server.file_table.forget_if_unused(file)
            return None
        return server.file_table.stream_of(file, record.stream, content)

    def _join_lease(self, open_: Open, record: LeaseRecord) -> None:
        """Give an open its lease back; the client is told of a break again that was under way."""
        tables, policy = self._server.lease_tables, self._server.policies.lease
        lease = tables.find(open_.client_guid, record.lease_key)
        if lease is None:
            lease = Lease(
                lease_key=record.lease_key,
                client_guid=open_.client_guid,
                client_lease_id=policy.client_lease_id(open_.client_guid, record.lease_key),
                filename=LeasedName.of(open_.storage, open_.path, open_.stream.name),
                version=record.version,
                lease_state=LeaseState(record.lease_state),
                break_to_lease_state=LeaseState(record.break_to_lease_state),
                required_state=LeaseState(record.required_state),
                breaking=record.breaking,
                file_delete_on_close=record.file_delete_on_close,
                epoch=record.epoch,
                parent_lease_key=record.parent_lease_key,
            )
            tables.add(lease)
        tables.join(lease, open_)
        if lease.breaking:
            open_.oplock_state = OplockState.BREAKING
            lease.break_notification = LeaseBreakNotification(
                new_epoch=lease.epoch if lease.version > 1 else 0,
                flags=LeaseBreakFlags.ACK_REQUIRED,
                lease_key=lease.lease_key,
                current_lease_state=lease.lease_state,
                new_lease_state=lease.break_to_lease_state,
            )
