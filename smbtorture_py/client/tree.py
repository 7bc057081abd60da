"""Tree connects ([MS-SMB2] 3.2.1.4): connecting to a share, and what is done on a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Unpack

from smbtorture_py.client.exchange import Exchange, ExchangeResult, Procedure
from smbtorture_py.client.open import Open
from smbtorture_py.wire.codec import FILE_ID_ANY, Body, Buffer, FileId
from smbtorture_py.wire.create import (
    AccessMask,
    CreateDisposition,
    CreateOptions,
    CreateRequest,
    CreateResponse,
    ImpersonationLevel,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.ioctl import IoctlFlags, IoctlRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    TreeConnectFlags,
    TreeConnectRequest,
    TreeConnectResponse,
)
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest

if TYPE_CHECKING:
    from smbtorture_py.client.session import Options, Session

DEFAULT_OUTPUT: Final = 65536
"""Bytes of answer asked for where a caller does not say: what one credit pays for."""

READ_WRITE: Final = (
    AccessMask.FILE_READ_DATA
    | AccessMask.FILE_WRITE_DATA
    | AccessMask.FILE_APPEND_DATA
    | AccessMask.FILE_READ_EA
    | AccessMask.FILE_WRITE_EA
    | AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.FILE_WRITE_ATTRIBUTES
    | AccessMask.DELETE
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
"""What `create` asks for where a caller does not say."""

SHARE_ALL: Final = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE


@dataclass(slots=True, eq=False, kw_only=True)
class Tree:
    """A connection to a share, usable over every channel of its session ([MS-SMB2] 3.2.1.4)."""

    session: Session
    share_name: str
    tree_connect_id: int
    response: TreeConnectResponse
    is_dfs_share: bool = False
    is_ca_share: bool = False
    is_scaleout_share: bool = False
    encrypt_data: bool = False
    compress_data: bool = False

    def submit(self, body: Body, **options: Unpack[Options]) -> Exchange:
        """Send a request on this tree; see `Session.submit`."""
        return self.session.submit(body, tree=self, **options)

    def disconnect(self, **options: Unpack[Options]) -> Exchange:
        """Send TREE_DISCONNECT ([MS-SMB2] 3.2.4.22)."""
        return self.submit(TreeDisconnectRequest(), **options)

    def opened(self, exchange: Exchange) -> Open | None:
        """Make the Open of an answered CREATE, in a compound too; None where it did not succeed ([MS-SMB2]
        3.2.5.7)."""
        request, response = exchange.request.body, exchange.body(CreateResponse)
        if exchange.status != Status.SUCCESS or response is None or not isinstance(request, CreateRequest):
            return None
        opened = Open(
            tree=self,
            connection=exchange.connection,
            file_id=response.file_id,
            file_name=request.name,
            request=request,
            response=response,
            oplock_level=response.oplock_level,
        )
        self.session.open_table[opened.file_id] = opened
        return opened

    def ioctl(
        self,
        ctl_code: int,
        input_buffer: Buffer = b"",
        *,
        file_id: FileId = FILE_ID_ANY,
        max_input_response: int = 0,
        max_output_response: int = DEFAULT_OUTPUT,
        ioctl_flags: IoctlFlags = IoctlFlags.IS_FSCTL,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send IOCTL, on no file unless `file_id` is given ([MS-SMB2] 3.2.4.20)."""
        body = IoctlRequest(
            ctl_code=ctl_code,
            file_id=file_id,
            max_input_response=max_input_response,
            max_output_response=max_output_response,
            flags=ioctl_flags,
            input=input_buffer,
        )
        return self.submit(body, **options)


@dataclass(slots=True, kw_only=True)
class TreeConnectResult(ExchangeResult):
    """What came of a TREE_CONNECT."""

    tree: Tree | None = None


@dataclass(slots=True, kw_only=True)
class CreateResult(ExchangeResult):
    """What came of a CREATE."""

    open: Open | None = None

    @property
    def response(self) -> CreateResponse | None:
        """The response's body; None where it was an error or none came."""
        return self.exchange.body(CreateResponse)


def tree_connect(
    session: Session,
    share: str,
    *,
    path: str | None = None,
    tree_flags: TreeConnectFlags = TreeConnectFlags.NONE,
    **options: Unpack[Options],
) -> Procedure[TreeConnectResult]:
    """Connect to `share` by its name ([MS-SMB2] 3.2.4.2.4, 3.2.5.5); `path` replaces the whole
    `\\\\server\\share`."""
    if path is None:
        path = rf"\\{session.connection.config.server_name}\{share}"
    exchange = session.submit(TreeConnectRequest(flags=tree_flags, path=path), **options)
    yield exchange
    response = exchange.body(TreeConnectResponse)
    if exchange.status != Status.SUCCESS or response is None or exchange.response is None:
        return TreeConnectResult(exchange=exchange)
    connection = exchange.connection
    tree = Tree(
        session=session,
        share_name=share,
        tree_connect_id=exchange.response.header.tree_id,
        response=response,
        is_dfs_share=bool(response.capabilities & ShareCapabilities.DFS),
        is_ca_share=bool(response.capabilities & ShareCapabilities.CONTINUOUS_AVAILABILITY),
        is_scaleout_share=bool(response.capabilities & ShareCapabilities.SCALEOUT),
        encrypt_data=connection.supports_encryption and bool(response.share_flags & ShareFlags.ENCRYPT_DATA),
        compress_data=bool(response.share_flags & ShareFlags.COMPRESS_DATA),
    )
    session.tree_connect_table[tree.tree_connect_id] = tree
    return TreeConnectResult(exchange=exchange, tree=tree)


def create_request(
    name: str,
    *,
    desired_access: AccessMask = READ_WRITE,
    share_access: ShareAccess = SHARE_ALL,
    create_disposition: int = CreateDisposition.OPEN_IF,
    create_options: CreateOptions = CreateOptions.NONE,
    file_attributes: int = 0,
    requested_oplock_level: int = OplockLevel.NONE,
    impersonation_level: int = ImpersonationLevel.IMPERSONATION,
    contexts: Sequence[CreateContext] = (),
) -> CreateRequest:
    """Build a CREATE request, for `create` and for compounds (`Tree.opened` makes the Open of its answer)."""
    return CreateRequest(
        requested_oplock_level=requested_oplock_level,
        impersonation_level=impersonation_level,
        desired_access=desired_access,
        file_attributes=file_attributes,
        share_access=share_access,
        create_disposition=create_disposition,
        create_options=create_options,
        name=name,
        contexts=list(contexts),
    )


def create(
    tree: Tree,
    name: str,
    *,
    desired_access: AccessMask = READ_WRITE,
    share_access: ShareAccess = SHARE_ALL,
    create_disposition: int = CreateDisposition.OPEN_IF,
    create_options: CreateOptions = CreateOptions.NONE,
    file_attributes: int = 0,
    requested_oplock_level: int = OplockLevel.NONE,
    impersonation_level: int = ImpersonationLevel.IMPERSONATION,
    contexts: Sequence[CreateContext] = (),
    **options: Unpack[Options],
) -> Procedure[CreateResult]:
    """Open or create `name`, relative to the share, with backslashes between components ([MS-SMB2] 3.2.4.3,
    3.2.5.7)."""
    request = create_request(
        name,
        desired_access=desired_access,
        share_access=share_access,
        create_disposition=create_disposition,
        create_options=create_options,
        file_attributes=file_attributes,
        requested_oplock_level=requested_oplock_level,
        impersonation_level=impersonation_level,
        contexts=contexts,
    )
    exchange = tree.submit(request, **options)
    yield exchange
    return CreateResult(exchange=exchange, open=tree.opened(exchange))
