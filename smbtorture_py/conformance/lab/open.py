"""An open of the server under test, with words that block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, Unpack

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.handle_contexts import granted_lease
from smbtorture_py.client.open import Open
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab.arguments import MAX_TRANSACT, Sending
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import Body, Buffer, FileId
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.create_contexts import (
    DurableHandleFlags,
    DurableHandleResponse,
    DurableHandleResponseV2,
    PayloadT,
    ResponseLease,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.fscc.file_information import FileInformation
from smbtorture_py.wire.fscc.information_class import InfoType
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockFlags

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab.lab import Lab
    from smbtorture_py.conformance.lab.tree import LabTree

NO_LOCK_SEQUENCE: Final = (0, 0)
"""The LockSequenceIndex and LockSequenceNumber of a LOCK that is not part of a sequence."""
STIRRED: Final = ("appears", "appears-too", "appears-as-well")
"""The names of the files that stir a directory, one after the other."""
STIR: Final = 2.0
"""Seconds in which a server tells of a file that has been made."""

InformationT = TypeVar("InformationT", bound=FileInformation)


class LabOpen:
    """An open file, directory or pipe."""

    def __init__(self, tree: LabTree, core: Open) -> None:
        self.tree = tree
        self.core = core
        """The client core's open ([MS-SMB2] 3.2.1.6), with the response that made it."""

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.tree.lab

    @property
    def file_id(self) -> FileId:
        """Open.FileId."""
        return self.core.file_id

    @property
    def name(self) -> str:
        """The name it was opened by."""
        return self.core.file_name

    @property
    def oplock_level(self) -> int:
        """The oplock level that CREATE granted."""
        return self.core.response.oplock_level

    @property
    def lease(self) -> ResponseLeaseV2 | ResponseLease | None:
        """The lease that CREATE granted, of either version; None where there is none."""
        return granted_lease(self.core.response.contexts)

    @property
    def lease_state(self) -> LeaseState | None:
        """The state of the lease that CREATE granted; None where there is none."""
        return None if self.lease is None else self.lease.lease_state

    @property
    def is_durable(self) -> bool:
        """CREATE granted a durable handle, of either version."""
        return self.context(DurableHandleResponse) is not None or self.durable_v2 is not None

    @property
    def durable_v2(self) -> DurableHandleResponseV2 | None:
        """The durable handle of version 2 that CREATE granted; None where there is none."""
        return self.context(DurableHandleResponseV2)

    @property
    def is_persistent(self) -> bool:
        """CREATE granted a persistent handle."""
        granted = self.durable_v2
        return granted is not None and bool(granted.flags & DurableHandleFlags.PERSISTENT)

    def context(self, payload: type[PayloadT]) -> PayloadT | None:
        """Return a create context of the response, decoded; None where it has none."""
        return find(self.core.response.contexts, payload, [])

    def send(self, body: Body, **sending: Unpack[Sending]) -> Answer:
        """Send any body on the open's tree."""
        return self.tree.send(body, **sending)

    def read(self, offset: int = 0, length: int = MAX_TRANSACT, **sending: Unpack[Sending]) -> Answer:
        """Send READ; `answer.data` has the bytes."""
        return self._follow(lambda **options: self.core.read(offset, length, **options), sending)

    def write(self, data: Buffer, offset: int = 0, **sending: Unpack[Sending]) -> Answer:
        """Send WRITE."""
        return self._follow(lambda **options: self.core.write(offset, data, **options), sending)

    def flush(self, **sending: Unpack[Sending]) -> Answer:
        """Send FLUSH."""
        return self._follow(self.core.flush, sending)

    def close(self, **sending: Unpack[Sending]) -> Answer:
        """Send CLOSE."""
        return self._follow(self.core.close, sending)

    def lock(
        self,
        offset: int = 0,
        length: int = 1,
        *,
        exclusive: bool = True,
        fail_immediately: bool = True,
        sequence: tuple[int, int] = NO_LOCK_SEQUENCE,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send LOCK for one range; with `fail_immediately=False` it may stay pending.

        `sequence` is the pair of LockSequenceIndex and LockSequenceNumber ([MS-SMB2] 2.2.26).
        """
        flags = LockFlags.EXCLUSIVE_LOCK if exclusive else LockFlags.SHARED_LOCK
        if fail_immediately:
            flags |= LockFlags.FAIL_IMMEDIATELY
        element = LockElement(offset=offset, length=length, flags=flags)
        return self.lock_ranges([element], sequence=sequence, **sending)

    def unlock(
        self,
        offset: int = 0,
        length: int = 1,
        *,
        sequence: tuple[int, int] = NO_LOCK_SEQUENCE,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send LOCK that releases one range; `sequence` as for `lock`."""
        element = LockElement(offset=offset, length=length, flags=LockFlags.UNLOCK)
        return self.lock_ranges([element], sequence=sequence, **sending)

    def lock_ranges(
        self,
        elements: Sequence[LockElement],
        *,
        sequence: tuple[int, int] = NO_LOCK_SEQUENCE,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send LOCK with any elements; `sequence` as for `lock`."""
        index, number = sequence
        return self._follow(
            lambda **options: self.core.lock(
                elements, lock_sequence_index=index, lock_sequence_number=number, **options
            ),
            sending,
        )

    def query_info(
        self,
        info_type: int,
        info_class: int,
        *,
        output_buffer_length: int = MAX_TRANSACT,
        additional_information: int = 0,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send QUERY_INFO; `answer.data` has the bytes."""
        return self._follow(
            lambda **options: self.core.query_info(
                info_type,
                info_class,
                output_buffer_length=output_buffer_length,
                additional_information=additional_information,
                **options,
            ),
            sending,
        )

    def set_info(
        self,
        info_type: int,
        info_class: int,
        buffer: Buffer,
        *,
        additional_information: int = 0,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send SET_INFO."""
        return self._follow(
            lambda **options: self.core.set_info(
                info_type, info_class, buffer, additional_information=additional_information, **options
            ),
            sending,
        )

    def set_file(self, information: FileInformation, **sending: Unpack[Sending]) -> Answer:
        """Send SET_INFO for one of the structures of wire.fscc.file_information."""
        return self.set_info(InfoType.FILE, information.INFORMATION_CLASS, information.encode(), **sending)

    def query_file(self, kind: type[InformationT], **sending: Unpack[Sending]) -> InformationT:
        """Send QUERY_INFO for one of the structures of wire.fscc.file_information and decode it; blocks the
        case where it fails.
        """
        answer = self.query_info(InfoType.FILE, kind.INFORMATION_CLASS, **sending)
        return kind.decode(answer.required().data, [])

    def query_directory(self, pattern: str = "*", **sending: Unpack[Sending]) -> Answer:
        """Send QUERY_DIRECTORY; `answer.data` has the bytes."""
        return self._follow(lambda **options: self.core.query_directory(pattern, **options), sending)

    def change_notify(
        self, completion_filter: CompletionFilter, *, watch_tree: bool = False, **sending: Unpack[Sending]
    ) -> Answer:
        """Send CHANGE_NOTIFY; mostly wanted with `wait=False`."""
        return self._follow(
            lambda **options: self.core.change_notify(completion_filter, watch_tree=watch_tree, **options),
            sending,
        )

    def stir(self, watch: Answer) -> Answer:
        """Make files in this directory until a CHANGE_NOTIFY has told of one, a few times at most, and return
        its answer: a server may still be setting the watch up when it says that the request is pending.
        """
        for name in STIRRED:
            self.tree.open(f"{self.name}\\{name}")
            if watch.wait(within=STIR).arrived:
                break
        return watch

    def ioctl(
        self,
        ctl_code: int,
        input_buffer: Buffer = b"",
        *,
        max_output_response: int = MAX_TRANSACT,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send IOCTL on this open."""
        return self.tree.ioctl(
            ctl_code, input_buffer, file_id=self.file_id, max_output_response=max_output_response, **sending
        )

    def acknowledge_oplock(self, level: OplockLevel, **sending: Unpack[Sending]) -> Answer:
        """Send OPLOCK_BREAK Acknowledgment."""
        return self._follow(lambda **options: self.core.acknowledge_oplock_break(level, **options), sending)

    def acknowledge_lease(self, lease_state: LeaseState, **sending: Unpack[Sending]) -> Answer:
        """Send LEASE_BREAK Acknowledgment for the lease that CREATE granted; blocks the case where it granted
        none.
        """
        if self.lease is None:
            raise Blocked("there is no lease to acknowledge a break of")
        return self.tree.acknowledge_lease(self.lease.lease_key, lease_state, **sending)

    def _follow(self, word: Callable[..., Exchange], sending: Sending) -> Answer:
        return self.tree.session.follow(word, sending)
