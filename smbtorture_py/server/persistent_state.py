"""What of a persistent open survives a restart of the server, and where it is kept ([MS-SMB2] 3.3.5.9.10,
3.3.5.9.12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from smbtorture_py.server.storage import Path

if TYPE_CHECKING:
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open


@dataclass(slots=True, frozen=True, kw_only=True)
class LeaseRecord:
    """The lease of a persistent open; the names are those of `Lease`."""

    lease_key: bytes
    version: int
    lease_state: int
    epoch: int
    parent_lease_key: bytes
    breaking: bool
    break_to_lease_state: int
    required_state: int
    file_delete_on_close: bool

    @classmethod
    def of(cls, lease: Lease) -> LeaseRecord:
        """Make the record of a lease."""
        return cls(
            lease_key=lease.lease_key,
            version=lease.version,
            lease_state=int(lease.lease_state),
            epoch=lease.epoch,
            parent_lease_key=lease.parent_lease_key,
            breaking=lease.breaking,
            break_to_lease_state=int(lease.break_to_lease_state),
            required_state=int(lease.required_state),
            file_delete_on_close=lease.file_delete_on_close,
        )


@dataclass(slots=True, frozen=True)
class LockRecord:
    """One byte-range lock."""

    offset: int
    length: int
    exclusive: bool


@dataclass(slots=True, frozen=True)
class LockSequenceRecord:
    """One entry of Open.LockSequenceArray that is valid."""

    index: int
    sequence_number: int


@dataclass(slots=True, frozen=True)
class OwnerRecord:
    """Open.DurableOwner."""

    user: str
    domain: str
    is_guest: bool
    is_anonymous: bool


@dataclass(slots=True, frozen=True, kw_only=True)
class PersistentOpen:
    """One persistent open; the names are those of `Open`, times in seconds."""

    durable_file_id: int
    share: str
    path: Path
    stream: str
    file_name: str
    desired_access: int
    local_access: int
    share_access: int
    create_options: int
    file_attributes: int
    mode: int
    asked: tuple[int, int, int]
    create_action: int
    client_guid: bytes
    create_guid: bytes
    app_instance_id: bytes | None
    application_instance_version: tuple[int, int] | None
    owner: OwnerRecord
    durable_open_timeout: float
    oplock_level: int
    channel_sequence: int
    is_replay_eligible: bool
    delete_on_close: bool
    delete_pending: bool
    """The file is to be deleted with its last open."""
    is_modified: bool
    lease: LeaseRecord | None
    locks: tuple[LockRecord, ...]
    lock_sequences: tuple[LockSequenceRecord, ...]

    @classmethod
    def of(cls, open_: Open) -> PersistentOpen | None:
        """Make the record of an open; None for one that nothing is kept of."""
        owner, create_guid = open_.durable_owner, open_.create_guid
        if not open_.is_persistent or owner is None or create_guid is None:
            return None
        return cls(
            durable_file_id=open_.durable_file_id,
            share=open_.share_name,
            path=open_.path,
            stream=open_.stream.name,
            file_name=open_.file_name,
            desired_access=int(open_.desired_access),
            local_access=int(open_.local_open.granted_access),
            share_access=int(open_.share_access),
            create_options=int(open_.create_options),
            file_attributes=int(open_.file_attributes),
            mode=int(open_.mode),
            asked=open_.asked,
            create_action=int(open_.create_action),
            client_guid=open_.client_guid,
            create_guid=create_guid,
            app_instance_id=open_.app_instance_id,
            application_instance_version=open_.application_instance_version,
            owner=OwnerRecord(owner.user, owner.domain, owner.is_guest, owner.is_anonymous),
            durable_open_timeout=open_.durable_open_timeout,
            oplock_level=int(open_.oplock_level),
            channel_sequence=open_.channel_sequence,
            is_replay_eligible=open_.is_replay_eligible,
            delete_on_close=open_.delete_on_close,
            delete_pending=open_.stream.is_delete_pending,
            is_modified=open_.is_modified,
            lease=None if open_.lease is None else LeaseRecord.of(open_.lease),
            locks=tuple(
                LockRecord(lock.offset, lock.length, lock.exclusive) for lock in open_.stream.locks.of(open_)
            ),
            lock_sequences=tuple(
                LockSequenceRecord(index, entry.sequence_number)
                for index, entry in sorted(open_.lock_sequence_array.items())
                if entry.valid
            ),
        )


class PersistentState(Protocol):
    """Where the records are kept. A record that `store` has returned from outlives the server."""

    def load(self) -> Sequence[PersistentOpen]:
        """Return every record, in a stable order."""
        ...

    def store(self, record: PersistentOpen) -> None:
        """Keep a record, in the place of an earlier one of the same `durable_file_id`."""
        ...

    def remove(self, durable_file_id: int) -> None:
        """Forget a record, if there is one."""
        ...
