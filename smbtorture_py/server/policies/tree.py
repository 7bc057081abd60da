"""Tree connects ([MS-SMB2] 3.3.5.2.11, 3.3.5.7, 3.3.5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.tree_connect import Share, TreeConnect
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType, TreeConnectResponse
from smbtorture_py.wire.tree_disconnect import TreeDisconnectResponse

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session

FULL_ACCESS: Final = 0x001F01FF
"""FILE_ALL_ACCESS ([MS-SMB2] 2.2.13.1.1)."""
READ_ACCESS: Final = 0x001200A9
"""Read, execute, and the standard rights to read ([MS-SMB2] 2.2.13.1.1)."""
MAX_HOST_NAME: Final = 255
MAX_SHARE_NAME: Final = 80
_NOT_IN_SHARE_NAMES: Final = '"\\/[]:|<>+=;,*?'
_RESERVED_TREE_ID: Final = 0xFFFFFFFF


class TreePolicy:
    """The choices around tree connects."""

    def find_tree(self, request: Request, session: Session) -> TreeConnect | None:
        """The tree connect of a request: of Session.TreeConnectTable, whatever the channel (3.3.5.2.11)."""
        return session.tree_connect_table.get(request.tree_id)

    def not_found_status(self) -> Status:
        """What a request with an unknown TreeId fails with (3.3.5.2.11)."""
        return Status.NETWORK_NAME_DELETED

    def close_finds_its_open_first(self) -> bool:
        """Whether CLOSE locates its open before its tree connect, as no other command does (3.3.5.10)."""
        return True

    def is_unprotected(self, request: Request, session: Session) -> bool:
        """Whether this is a TREE_CONNECT on 3.1.1 that is neither signed nor encrypted (3.3.5.7).

        Not for guest and anonymous sessions. Erratum 10: "not signed or not encrypted" means neither of the
        two.
        """
        return (
            request.connection.is_311
            and not session.is_anonymous
            and not session.is_guest
            and not request.is_signed
            and not request.is_encrypted
        )

    def unprotected_ends_connection(self) -> bool:
        """Whether such a TREE_CONNECT ends the connection (3.3.5.7); else it gets ACCESS_DENIED."""
        return True

    def split_path(self, path: str) -> tuple[str, str] | None:
        r"""Host and share of \\host\share; None where it does not have that form, INVALID_PARAMETER
        (3.3.5.7, 2.2.9)."""
        match path.split("\\"):
            case ["", "", host, share] if self.is_host_name(host) and self.is_share_name(share):
                return host, share
        return None

    def is_host_name(self, name: str) -> bool:
        """Whether the server component of a path is as long as it may be (2.2.9)."""
        return 0 < len(name) <= MAX_HOST_NAME

    def is_share_name(self, name: str) -> bool:
        """Whether the share component has the length and characters it may have (2.2.9, [MS-FSCC]
        2.1.6)."""
        return 0 < len(name) <= MAX_SHARE_NAME and not any(
            character < " " or character in _NOT_IN_SHARE_NAMES for character in name
        )

    def find_share(self, request: Request, host: str, share: str) -> Share | None:
        """The share of this name, in any case and under any host name (3.3.5.7)."""
        del host
        return request.connection.server.share_list.get(share.casefold())

    def share_not_found_status(self) -> Status:
        """What a share that does not exist fails with (3.3.5.7)."""
        return Status.BAD_NETWORK_NAME

    def access_is_granted(self, session: Session, share: Share) -> bool:
        """Share.ConnectSecurity (3.3.5.7): a share may be closed, or closed to some users."""
        if share.config.no_access:
            return False
        return session.user_name.casefold() not in share.config.denied_users

    def share_is_full(self, share: Share) -> bool:
        """Whether Share.MaxUses is reached (3.3.5.7)."""
        limit = share.config.max_clients
        return limit is not None and share.current_uses >= limit

    def new_tree_id(self, session: Session) -> int:
        """A TreeId that this session does not use; never -1 nor 0 (3.3.5.7)."""
        while session.next_tree_id in session.tree_connect_table or session.next_tree_id in (
            0,
            _RESERVED_TREE_ID,
        ):
            session.next_tree_id = (session.next_tree_id + 1) & _RESERVED_TREE_ID
        tree_id = session.next_tree_id
        session.next_tree_id = (tree_id + 1) & _RESERVED_TREE_ID
        return tree_id

    def take_use(self, share: Share) -> None:
        """Share.CurrentUses counts a new tree connect (3.3.5.7)."""
        share.current_uses += 1

    def release_use(self, share: Share) -> None:
        """Share.CurrentUses no longer counts a tree connect that ends (3.3.5.6, 3.3.5.8, 3.3.7.1)."""
        share.current_uses -= 1

    def response(self, tree: TreeConnect) -> TreeConnectResponse:
        """What a new tree connect is told about its share (2.2.10)."""
        return TreeConnectResponse(
            share_type=self.share_type(tree.share),
            share_flags=tree.share_flags,
            capabilities=tree.share_capabilities,
            maximal_access=AccessMask(tree.maximal_access),
        )

    def disconnect_response(self) -> TreeDisconnectResponse:
        """What TREE_DISCONNECT is answered with (2.2.12)."""
        return TreeDisconnectResponse()

    def trees_to_disconnect(self, request: Request) -> list[TreeConnect]:
        """The tree connects that a TREE_DISCONNECT ends: its own (3.3.5.8)."""
        return [request.require_tree()]

    def opens_to_close(self, tree: TreeConnect) -> list[Open]:
        """The opens that are closed with a tree connect: all of its own (3.3.5.8)."""
        return [opened for opened in tree.session.open_table.values() if opened.tree_connect is tree]

    def share_type(self, share: Share) -> ShareType:
        """ShareType of the response (3.3.5.7)."""
        return share.config.share_type

    def share_flags(self, request: Request, share: Share) -> ShareFlags:
        """ShareFlags of the response (3.3.5.7)."""
        flags = ShareFlags.MANUAL_CACHING
        if request.connection.is_3x and share.encrypt_data:
            flags |= ShareFlags.ENCRYPT_DATA
        if share.config.force_level2_oplock:
            flags |= ShareFlags.FORCE_LEVELII_OPLOCK
        return flags

    def share_capabilities(self, request: Request, share: Share) -> ShareCapabilities:
        """Capabilities of the response (3.3.5.7)."""
        capabilities = ShareCapabilities.NONE
        if not request.connection.is_3x:
            return capabilities
        if share.is_continuously_available:
            capabilities |= ShareCapabilities.CONTINUOUS_AVAILABILITY
        if share.config.is_scale_out:
            capabilities |= ShareCapabilities.SCALEOUT
        if share.config.is_cluster or share.config.is_scale_out:
            capabilities |= ShareCapabilities.CLUSTER
        return capabilities

    def maximal_access(self, session: Session, share: Share) -> int:
        """MaximalAccess: an access mask (3.3.5.7)."""
        del session
        access = READ_ACCESS if share.config.read_only else FULL_ACCESS
        if share.config.write_only:
            access &= ~int(AccessMask.FILE_READ_DATA | AccessMask.FILE_EXECUTE)
        return access
