"""What the tests of file semantics share: a logged-on peer with a tree, and short forms of requests."""

from __future__ import annotations

from server_peer import ALL_CAPABILITIES, DIALECTS, NOW, Peer, make_server

from smbtorture_py.server.config import ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.server.storage import Storage
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import (
    AccessMask,
    CreateDisposition,
    CreateRequest,
    CreateResponse,
    ShareAccess,
)
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.read import ReadRequest, ReadResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest
from smbtorture_py.wire.write import WriteRequest

EVERY_SHARE = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE
ALL = AccessMask(0x001F01FF)
EVERYTHING = ALL_CAPABILITIES | Capabilities.PERSISTENT_HANDLES | Capabilities.LEASING


def file_server(storage: Storage | None = None, policy: str = "specification", **share: object) -> Server:
    storage = storage if storage is not None else MemoryStorage(to_filetime(NOW))
    return make_server(policy, shares=[ShareConfig("files", storage=storage, **share)])


class FilePeer(Peer):
    """A peer that is logged on and connected to the share."""

    def __init__(
        self, server: Server, *, port: int = 50000, dialects=DIALECTS, guid: bytes | None = None, **setup
    ) -> None:
        super().__init__(server, port=port)
        guid = guid if guid is not None else port.to_bytes(16, "little")
        assert self.negotiate(dialects, guid=guid, capabilities=EVERYTHING).header.status == Status.SUCCESS
        assert self.setup(**setup).header.status == Status.SUCCESS
        answer = self.request(TreeConnectRequest(path="\\\\server\\files"))
        assert answer.header.status == Status.SUCCESS
        self.tree_id = answer.header.tree_id

    def call(self, body, **fields) -> Message:
        return self.request(body, tree_id=fields.pop("tree_id", self.tree_id), **fields)

    def calls(self, body, **fields) -> list[Message]:
        return self.requests(body, tree_id=self.tree_id, **fields)

    def open(self, name: str, *, status: Status = Status.SUCCESS, **fields) -> CreateResponse:
        answer = self.call(create_request(name, **fields))
        assert answer.header.status == status, f"{Status(answer.header.status).name} for {name!r}"
        return answer.body

    def lose(self, now: float = NOW) -> None:
        """The network takes the connection away."""
        self.connection.connection_lost(Closed.RESET, now)

    def close(self, file_id: FileId) -> None:
        assert self.call(CloseRequest(file_id=file_id)).header.status == Status.SUCCESS

    def write(self, file_id: FileId, data: bytes, offset: int = 0) -> Status:
        return Status(
            self.call(
                WriteRequest(file_id=file_id, data=data, offset=offset), credit_charge=charge(len(data))
            ).header.status
        )

    def read(self, file_id: FileId, length: int, offset: int = 0, **fields) -> bytes | Status:
        answer = self.call(
            ReadRequest(file_id=file_id, length=length, offset=offset, **fields), credit_charge=charge(length)
        )
        if answer.header.status != Status.SUCCESS:
            return Status(answer.header.status)
        assert isinstance(answer.body, ReadResponse)
        return bytes(answer.body.data)


def charge(length: int) -> int:
    return max(1, -(-length // 65536))


def create_request(name: str, **fields) -> CreateRequest:
    fields.setdefault("desired_access", ALL)
    fields.setdefault("share_access", EVERY_SHARE)
    fields.setdefault("create_disposition", CreateDisposition.OPEN_IF)
    return CreateRequest(name=name, **fields)
