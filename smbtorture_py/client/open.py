"""Opens ([MS-SMB2] 3.2.1.6), and everything done with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.session import Options
from smbtorture_py.wire.codec import Body, Buffer
from smbtorture_py.wire.create import CreateRequest, CreateResponse
from smbtorture_py.wire.file_id import FileId

if TYPE_CHECKING:
    from smbtorture_py.client.tree import Tree


@dataclass(slots=True, eq=False, kw_only=True)
class Open:
    """A file, directory or pipe opened on a share, usable over every channel of the session ([MS-SMB2] 3.2.1.6)."""

    tree: Tree
    file_id: FileId
    file_name: str
    request: CreateRequest
    response: CreateResponse
    oplock_level: int = 0

    def submit(self, body: Body, **options: Unpack[Options]) -> Exchange:
        """Send a request on this open; see `Session.submit`."""
        return self.tree.submit(body, **options)

    def close(self, *, query_attributes: bool = False, **options: Unpack[Options]) -> Exchange:
        """Send CLOSE ([MS-SMB2] 3.2.4.5)."""

    def read(self, offset: int, length: int, *, minimum_count: int = 0, **options: Unpack[Options]) -> Exchange:
        """Send READ of `length` bytes from `offset` ([MS-SMB2] 3.2.4.6)."""

    def write(self, offset: int, data: Buffer, *, write_flags: int = 0, **options: Unpack[Options]) -> Exchange:
        """Send WRITE of `data` at `offset` ([MS-SMB2] 3.2.4.7)."""

    def flush(self, **options: Unpack[Options]) -> Exchange:
        """Send FLUSH ([MS-SMB2] 3.2.4.16)."""

    def query_info(
        self, info_type: int, info_class: int, *, output_buffer_length: int = 65536, additional_information: int = 0,
        info_flags: int = 0, input_buffer: Buffer = b"", **options: Unpack[Options],
    ) -> Exchange:
        """Send QUERY_INFO ([MS-SMB2] 3.2.4.8, 3.2.4.10, 3.2.4.12)."""

    def set_info(
        self, info_type: int, info_class: int, buffer: Buffer, *, additional_information: int = 0,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send SET_INFO ([MS-SMB2] 3.2.4.9, 3.2.4.11, 3.2.4.13)."""

    def query_directory(
        self, pattern: str = "*", *, information_class: int = 37, directory_flags: int = 0, file_index: int = 0,
        output_buffer_length: int = 65536, **options: Unpack[Options],
    ) -> Exchange:
        """Send QUERY_DIRECTORY ([MS-SMB2] 3.2.4.17)."""

    def change_notify(
        self, completion_filter: int, *, watch_tree: bool = False, output_buffer_length: int = 65536,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send CHANGE_NOTIFY ([MS-SMB2] 3.2.4.18)."""

    def ioctl(
        self, ctl_code: int, input_buffer: Buffer = b"", *, max_output_response: int = 65536,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send IOCTL ([MS-SMB2] 3.2.4.20)."""
