"""The private FSCTLs of smbtorture: served where configured, unknown elsewhere."""

from __future__ import annotations

import pytest
from file_peer import FilePeer
from server_peer import NOW, make_server

from smbtorture_py.server.config import ShareConfig
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import SmbtortureFsctl
from smbtorture_py.wire.read import READ_DATA_OFFSET, ReadRequest
from smbtorture_py.wire.status import Status

CODE = SmbtortureFsctl.GLOBAL_READ_RESPONSE_BODY_PADDING8
CONTENT = b"what was written"


def peer(**settings: object) -> FilePeer:
    share = ShareConfig("files", storage=MemoryStorage(to_filetime(NOW)))
    return FilePeer(make_server("samba", shares=[share], **settings))


@pytest.mark.parametrize("padded", [False, True])
def test_reads_are_padded_once_that_was_asked_for(padded: bool) -> None:
    client = peer(smbtorture_controls=True)
    if padded:
        asked = client.call(IoctlRequest(ctl_code=CODE, file_id=FILE_ID_ANY, max_output_response=1))
        assert asked.header.status == Status.SUCCESS
        assert not asked.body.output
    file_id = client.open("file").file_id
    client.write(file_id, CONTENT)
    answer = client.call(ReadRequest(file_id=file_id, length=100)).body
    assert answer.data_offset == READ_DATA_OFFSET + 8 * padded
    assert bytes(answer.data) == CONTENT


def test_the_code_takes_no_input() -> None:
    answer = peer(smbtorture_controls=True).call(
        IoctlRequest(ctl_code=CODE, file_id=FILE_ID_ANY, input=b"input")
    )
    assert answer.header.status == Status.INVALID_PARAMETER


def test_the_code_is_unknown_where_it_is_not_configured() -> None:
    client = peer()
    asked = client.call(IoctlRequest(ctl_code=CODE, file_id=FILE_ID_ANY))
    assert asked.header.status == Status.INVALID_DEVICE_REQUEST
    file_id = client.open("file").file_id
    client.write(file_id, CONTENT)
    assert client.call(ReadRequest(file_id=file_id, length=100)).body.data_offset == READ_DATA_OFFSET
