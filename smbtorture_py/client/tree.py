"""Tree connects ([MS-SMB2] 3.2.1.4): connecting to a share, and what is done on a share."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Unpack

from smbtorture_py.client.exchange import Exchange, Procedure
from smbtorture_py.client.open import Open
from smbtorture_py.client.session import Options, Session
from smbtorture_py.wire.codec import Body
from smbtorture_py.wire.create import CreateRequest, CreateResponse
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest


@dataclass(slots=True, eq=False, kw_only=True)
class Tree:
    """A connection to a share, usable over every channel of its session ([MS-SMB2] 3.2.1.4)."""

    session: Session
    share_name: str
    tree_connect_id: int
    response: TreeConnectResponse
    is_dfs_share: bool = False
    is_ca_share: bool = False
    encrypt_data: bool = False
    is_scaleout_share: bool = False

    def submit(self, body: Body, **options: Unpack[Options]) -> Exchange:
        """Send a request on this tree; see `Session.submit`."""
        return self.session.submit(body, tree=self, **options)

    def disconnect(self, **options: Unpack[Options]) -> Exchange:
        """Send TREE_DISCONNECT ([MS-SMB2] 3.2.4.22)."""
        return self.submit(TreeDisconnectRequest(), **options)


@dataclass(slots=True, kw_only=True)
class TreeConnectResult:
    """What came of a TREE_CONNECT."""

    exchange: Exchange
    tree: Tree | None = None

    @property
    def status(self) -> int | None:
        """Status of the response; None where the connection was lost before one came."""
        return self.exchange.status


@dataclass(slots=True, kw_only=True)
class CreateResult:
    """What came of a CREATE."""

    exchange: Exchange
    open: Open | None = None

    @property
    def status(self) -> int | None:
        """Status of the response; None where the connection was lost before one came."""
        return self.exchange.status

    @property
    def response(self) -> CreateResponse | None:
        """The response's body; None where it was an error or none came."""
        return self.exchange.body(CreateResponse)
