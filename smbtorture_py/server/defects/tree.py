"""Defects of tree connects: what is connected to, what is told of it, and what a disconnect ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.lock_table import LockTable
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.tree import FULL_ACCESS, TreePolicy
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.reserved_body import ReservedBody
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    ShareType,
    TreeConnectFlags,
    TreeConnectRequest,
)

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Reply, Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import Share, TreeConnect
    from smbtorture_py.wire.error import ErrorResponse
    from smbtorture_py.wire.tree_connect import TreeConnectResponse
    from smbtorture_py.wire.tree_disconnect import TreeDisconnectResponse


def _flags(request: Request) -> int:
    """Flags of a TREE_CONNECT, 0 of any other request."""
    return int(request.body.flags) if isinstance(request.body, TreeConnectRequest) else 0


defect(
    "tree-unsigned-served",
    replaces=TreePolicy.is_unprotected,
    breaks=["SMB2-3.3.5.7-01"],
    origin="ksmbd: no check in smb2_tree_connect",
).always(False, "With 3.1.1 a TREE_CONNECT need be neither signed nor encrypted.")


defect(
    "tree-unsigned-merely-refused",
    replaces=TreePolicy.unprotected_ends_connection,
    breaks=["SMB2-3.3.5.7-01"],
    origin="Samba 4.17: ACCESS_DENIED, and the connection stays",
).always(False, "A TREE_CONNECT that is not protected is refused, and the connection stays.")


@defect(
    "tree-signed-in-every-dialect",
    replaces=TreePolicy.is_unprotected,
    breaks=["SMB2-3.3.5.7-01"],
    origin="plausible: the rule of 3.1.1 without its condition",
)
def _tree_signed_in_every_dialect(
    original: Callable[[Request, Session], bool], self: TreePolicy, request: Request, session: Session
) -> bool:
    """A TREE_CONNECT must be protected with every dialect."""
    return not request.is_signed and not request.is_encrypted and bool(session.signing_key)


@defect(
    "tree-sealed-must-be-signed",
    replaces=TreePolicy.is_unprotected,
    breaks=["SMB2-3.3.5.7-22"],
    origin='[MS-SMB2] 3.3.5.7 to the letter: "not signed or not encrypted"',
)
def _tree_sealed_must_be_signed(
    original: Callable[[Request, Session], bool], self: TreePolicy, request: Request, session: Session
) -> bool:
    """With 3.1.1 a TREE_CONNECT that is encrypted has to be signed as well."""
    return original(request, session) or (request.connection.is_311 and not request.is_signed)


@defect(
    "tree-signed-by-nobody",
    replaces=TreePolicy.is_unprotected,
    breaks=["SMB2-3.3.5.7-22"],
    origin="plausible: the exception for guests and anonymous sessions is forgotten",
)
def _tree_signed_by_nobody(
    original: Callable[[Request, Session], bool], self: TreePolicy, request: Request, session: Session
) -> bool:
    """With 3.1.1 guests and anonymous sessions have to sign TREE_CONNECT."""
    return original(request, session) or (request.connection.is_311 and not session.signing_required)


@defect(
    "tree-path-of-any-form",
    replaces=TreePolicy.split_path,
    breaks=["SMB2-3.3.5.7-02", "SMB2-3.3.5.7-20"],
    origin="Samba: what has no \\\\server\\ before it is taken for a share",
)
def _tree_path_of_any_form(
    original: Callable[[str], tuple[str, str] | None], self: TreePolicy, path: str
) -> tuple[str, str] | None:
    """The name of a share will do for a path."""
    parts = original(path)
    return ("", path.strip("\\/").split("\\")[-1]) if parts is None else parts


@defect(
    "tree-path-clamped",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-3.3.5.7-02"],
    origin="plausible: the length is cut to what is there",
)
def _tree_path_clamped(original: Callable[[Request], bool], self: MessagePolicy, request: Request) -> bool:
    """A path that reaches beyond its message ends with it."""
    return request.command != Command.TREE_CONNECT and original(request)


@defect(
    "tree-share-name-of-anything",
    replaces=TreePolicy.is_share_name,
    breaks=["SMB2-3.3.5.7-20"],
    origin="Samba: the name is looked up as it is",
)
def _tree_share_name_of_anything(original: Callable[[str], bool], self: TreePolicy, name: str) -> bool:
    """A share may be asked for by any string."""
    return bool(name)


defect(
    "tree-server-name-of-any-length",
    replaces=TreePolicy.is_host_name,
    breaks=["SMB2-3.3.5.7-20"],
    origin="Samba: the server component is not looked at",
).always(True, "A server may have a name of any length.")


@defect(
    "tree-server-name-compared",
    replaces=TreePolicy.find_share,
    breaks=["SMB2-3.3.5.7-04"],
    origin="plausible: the name is compared with the one that is configured",
)
def _tree_server_name_compared(
    original: Callable[[Request, str, str], Share | None],
    self: TreePolicy,
    request: Request,
    host: str,
    share: str,
) -> Share | None:
    """A share is found under one name of the server only."""
    own = request.connection.server.config.netbios_name
    return original(request, host, share) if host == own.lower() else None


defect(
    "tree-unknown-share-object-not-found",
    replaces=TreePolicy.share_not_found_status,
    breaks=["SMB2-3.3.5.7-03"],
    origin="plausible: the status of files",
).always(Status.OBJECT_NAME_NOT_FOUND, "A share that does not exist is no object.")


@defect(
    "tree-share-found-by-prefix",
    replaces=TreePolicy.find_share,
    breaks=["SMB2-3.3.5.7-03"],
    origin="plausible: names compared up to the end of the shorter one",
)
def _tree_share_found_by_prefix(
    original: Callable[[Request, str, str], Share | None],
    self: TreePolicy,
    request: Request,
    host: str,
    share: str,
) -> Share | None:
    """IPC$ is found as IPC."""
    return original(request, host, share) or original(request, host, f"{share}$")


defect(
    "tree-permission-ignored",
    replaces=TreePolicy.access_is_granted,
    breaks=["SMB2-3.3.5.7-05"],
    origin="plausible: permissions looked at when files are opened",
).always(True, "Everybody may connect to every share.")


defect(
    "tree-limit-ignored",
    replaces=TreePolicy.share_is_full,
    breaks=["SMB2-3.3.5.7-06"],
    origin="Samba: the limit of uses is not a limit of SMB2 tree connects",
).always(False, "A share has room for any number of tree connects.")


@defect(
    "tree-limit-off-by-one",
    replaces=TreePolicy.share_is_full,
    breaks=["SMB2-3.3.5.7-06"],
    origin="plausible: greater than in place of greater or equal",
)
def _tree_limit_off_by_one(original: Callable[[Share], bool], self: TreePolicy, share: Share) -> bool:
    """A share has room for one tree connect more than it is configured for."""
    limit = share.config.max_clients
    return limit is not None and share.current_uses > limit


@defect(
    "tree-use-never-released",
    replaces=TreePolicy.release_use,
    breaks=["SMB2-3.3.5.7-21"],
    origin="plausible: a counter that goes up only",
)
def _tree_use_never_released(original: Callable[[Share], None], self: TreePolicy, share: Share) -> None:
    """A share counts every tree connect there ever was."""


defect(
    "tree-pipe-is-a-disk",
    replaces=TreePolicy.share_type,
    breaks=["SMB2-3.3.5.7-07"],
    origin="plausible: one type for every share",
).always(ShareType.DISK, "IPC$ is a disk.")


defect(
    "tree-disk-is-a-pipe",
    replaces=TreePolicy.share_type,
    breaks=["SMB2-3.3.5.7-07"],
    origin="plausible: the type of the first share in the list is told",
).always(ShareType.PIPE, "Every share is one of pipes.")


@defect(
    "tree-id-invalid",
    replaces=TreePolicy.new_tree_id,
    breaks=["SMB2-3.3.5.7-07"],
    origin="plausible: ids that count downwards from the highest",
)
def _tree_id_invalid(original: Callable[[Session], int], self: TreePolicy, session: Session) -> int:
    """The first tree connect of a session has the invalid TreeId."""
    return original(session) if session.tree_connect_table else 0xFFFF_FFFF


@defect(
    "tree-id-used-twice",
    replaces=TreePolicy.new_tree_id,
    breaks=["SMB2-3.3.5.7-07", "SMB2-3.3.5.7-18"],
    origin="ksmbd before 6.1: an id given back while it was in use",
)
def _tree_id_used_twice(original: Callable[[Session], int], self: TreePolicy, session: Session) -> int:
    """A second tree connect has the TreeId of the first."""
    return next(iter(session.tree_connect_table), 0) or original(session)


@defect(
    "tree-encryption-not-told",
    replaces=TreePolicy.share_flags,
    breaks=["SMB2-3.3.5.7-08"],
    origin="plausible: the flag is derived from the session",
)
def _tree_encryption_not_told(
    original: Callable[[Request, Share], ShareFlags], self: TreePolicy, request: Request, share: Share
) -> ShareFlags:
    """A share that encrypts does not say so."""
    return original(request, share) & ~ShareFlags.ENCRYPT_DATA


@defect(
    "tree-encryption-told-of-all",
    replaces=TreePolicy.share_flags,
    breaks=["SMB2-3.3.5.7-08", "SMB2-2.2.10-02"],
    origin="plausible: the flag is derived from what the server is able to",
)
def _tree_encryption_told_of_all(
    original: Callable[[Request, Share], ShareFlags], self: TreePolicy, request: Request, share: Share
) -> ShareFlags:
    """Every share says that it encrypts."""
    return original(request, share) | ShareFlags.ENCRYPT_DATA


@defect(
    "tree-flag-undefined",
    replaces=TreePolicy.share_flags,
    breaks=["SMB2-2.2.10-01"],
    origin="plausible: flags of the configuration are passed through",
)
def _tree_flag_undefined(
    original: Callable[[Request, Share], ShareFlags], self: TreePolicy, request: Request, share: Share
) -> ShareFlags:
    """Shares show a flag that means nothing."""
    return original(request, share) | ShareFlags(0x0008_0000)


@defect(
    "tree-available-in-smb-2",
    replaces=TreePolicy.share_capabilities,
    breaks=["SMB2-3.3.5.7-11", "SMB2-2.2.10-02"],
    origin="Samba until bug 15577 (32b84c5bc)",
)
def _tree_available_in_smb_2(
    original: Callable[[Request, Share], ShareCapabilities], self: TreePolicy, request: Request, share: Share
) -> ShareCapabilities:
    """CONTINUOUS_AVAILABILITY is told whatever the dialect."""
    return original(request, share) | ShareCapabilities.CONTINUOUS_AVAILABILITY


@defect(
    "tree-cluster-in-smb-2",
    replaces=TreePolicy.share_capabilities,
    breaks=["SMB2-3.3.5.7-12", "SMB2-2.2.10-02"],
    origin="Samba until bug 15577 (32b84c5bc)",
)
def _tree_cluster_in_smb_2(
    original: Callable[[Request, Share], ShareCapabilities], self: TreePolicy, request: Request, share: Share
) -> ShareCapabilities:
    """Capabilities of clusters are told whatever the dialect."""
    cluster = ShareCapabilities.SCALEOUT | ShareCapabilities.CLUSTER | ShareCapabilities.ASYMMETRIC
    return original(request, share) | cluster


@defect(
    "tree-response-reserved-set",
    replaces=TreePolicy.response,
    breaks=["SMB2-2.2.10-01"],
    origin="plausible: memory that is not cleared",
)
def _tree_response_reserved_set(
    original: Callable[[TreeConnect], TreeConnectResponse], self: TreePolicy, tree: TreeConnect
) -> TreeConnectResponse:
    """Reserved of a TREE_CONNECT response is not zero."""
    return replace(original(tree), reserved=0xFF)


@defect(
    "tree-disconnect-reserved-set",
    replaces=TreePolicy.disconnect_response,
    breaks=["SMB2-2.2.12-01"],
    origin="plausible: memory that is not cleared",
)
def _tree_disconnect_reserved_set(
    original: Callable[[], TreeDisconnectResponse], self: TreePolicy
) -> TreeDisconnectResponse:
    """Reserved of a TREE_DISCONNECT response is not zero."""
    return replace(original(), reserved=0xFFFF)


@defect(
    "tree-encrypted-open-to-smb-2",
    replaces=EncryptionPolicy.tree_connect_status,
    breaks=["SMB2-3.3.5.7-10"],
    origin="plausible: looked at for SMB 3 only",
)
def _tree_encrypted_open_to_smb_2(
    original: Callable[[Connection, Share], Status],
    self: EncryptionPolicy,
    connection: Connection,
    share: Share,
) -> Status:
    """A share that encrypts is open to clients of SMB 2."""
    return original(connection, share) if connection.is_3x else Status.SUCCESS


defect(
    "tree-maximal-access-full",
    replaces=TreePolicy.maximal_access,
    breaks=["SMB2-3.3.5.7-14"],
    origin="ksmbd: the same mask for every user of a share",
).always(FULL_ACCESS, "MaximalAccess is full access to every share.")


defect(
    "tree-maximal-access-none",
    replaces=TreePolicy.maximal_access,
    breaks=["SMB2-3.3.5.7-14"],
    origin="plausible: a field nobody fills; clients show empty permissions",
).always(0, "MaximalAccess is empty.")


@defect(
    "tree-redirection-not-known",
    replaces=TreePolicy.find_share,
    breaks=["SMB2-3.3.5.7-19"],
    origin="plausible: flags for clusters are answered as a cluster would",
)
def _tree_redirection_not_known(
    original: Callable[[Request, str, str], Share | None],
    self: TreePolicy,
    request: Request,
    host: str,
    share: str,
) -> Share | None:
    """Who can be redirected to an owner, or reconnects to a cluster, finds no share."""
    flags = _flags(request) & ~TreeConnectFlags.EXTENSION_PRESENT
    return None if flags and request.connection.is_311 else original(request, host, share)


@defect(
    "tree-flags-of-any-dialect",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-2.2.9-01"],
    origin="plausible: the field is verified as in 3.1.1, or as if reserved meant zero",
)
def _tree_flags_of_any_dialect(
    original: Callable[[Request], bool], self: MessagePolicy, request: Request
) -> bool:
    """Flags of TREE_CONNECT that the dialect does not have make it malformed."""
    return original(request) or (not request.connection.is_311 and bool(_flags(request)))


@defect(
    "tree-extension-taken-for-path",
    replaces=TreePolicy.find_share,
    breaks=["SMB2-3.3.5.7-17"],
    origin="plausible: the path is read from the start of Buffer",
)
def _tree_extension_taken_for_path(
    original: Callable[[Request, str, str], Share | None],
    self: TreePolicy,
    request: Request,
    host: str,
    share: str,
) -> Share | None:
    """With an extension the path is not found."""
    extended = _flags(request) & TreeConnectFlags.EXTENSION_PRESENT
    return None if extended and request.connection.is_311 else original(request, host, share)


defect(
    "tree-unknown-id-invalid-handle",
    replaces=TreePolicy.not_found_status,
    breaks=["SMB2-3.3.5.2.11-03", "SMB2-3.3.5.2.11-04", "SMB2-3.3.5.8-01", "SMB2-3.3.5.8-04"],
    origin="plausible: an id that is not in a table is reported like a file handle",
).always(Status.INVALID_HANDLE, "A request of an unknown tree fails with INVALID_HANDLE.")


@defect(
    "tree-id-not-looked-at",
    replaces=TreePolicy.find_tree,
    breaks=["SMB2-3.3.5.2.11-03"],
    origin="plausible: a server with one share needs no id",
)
def _tree_id_not_looked_at(
    original: Callable[[Request, Session], TreeConnect | None],
    self: TreePolicy,
    request: Request,
    session: Session,
) -> TreeConnect | None:
    """A session with a single tree connect need not name it."""
    table = session.tree_connect_table
    return next(iter(table.values())) if len(table) == 1 else original(request, session)


@defect(
    "tree-of-any-session",
    replaces=TreePolicy.find_tree,
    breaks=["SMB2-3.3.5.2.11-04"],
    origin="plausible: one table of trees for the server",
)
def _tree_of_any_session(
    original: Callable[[Request, Session], TreeConnect | None],
    self: TreePolicy,
    request: Request,
    session: Session,
) -> TreeConnect | None:
    """A tree connect of any session will do."""
    every = request.connection.server.global_session_table.values()
    tables = [session.tree_connect_table, *(one.tree_connect_table for one in every)]
    return next((table[request.tree_id] for table in tables if request.tree_id in table), None)


@defect(
    "tree-disconnect-ignored",
    replaces=TreePolicy.trees_to_disconnect,
    breaks=["SMB2-3.3.5.8-01", "SMB2-3.3.5.8-04"],
    origin="plausible: trees live as long as their session",
)
def _tree_disconnect_ignored(
    original: Callable[[Request], list[TreeConnect]], self: TreePolicy, request: Request
) -> list[TreeConnect]:
    """TREE_DISCONNECT is answered, and nothing happens."""
    return []


@defect(
    "tree-disconnect-ends-share",
    replaces=TreePolicy.trees_to_disconnect,
    breaks=["SMB2-3.3.5.8-05", "SMB2-3.3.5.8-04"],
    origin="plausible: trees are looked for by their share",
)
def _tree_disconnect_ends_share(
    original: Callable[[Request], list[TreeConnect]], self: TreePolicy, request: Request
) -> list[TreeConnect]:
    """TREE_DISCONNECT ends every tree connect of the session to that share."""
    table = request.require_session().tree_connect_table
    return [one for one in table.values() if one.share is request.require_tree().share]


@defect(
    "tree-disconnect-keeps-opens",
    replaces=TreePolicy.opens_to_close,
    breaks=["SMB2-3.3.5.8-01", "SMB2-3.3.5.8-07"],
    origin="plausible: opens are closed when their session ends",
)
def _tree_disconnect_keeps_opens(
    original: Callable[[TreeConnect], list[Open]], self: TreePolicy, tree: TreeConnect
) -> list[Open]:
    """What is open on a tree outlives it."""
    return []


@defect(
    "tree-disconnect-closes-session",
    replaces=TreePolicy.opens_to_close,
    breaks=["SMB2-3.3.5.8-05"],
    origin="plausible: opens are not looked at for their tree",
)
def _tree_disconnect_closes_session(
    original: Callable[[TreeConnect], list[Open]], self: TreePolicy, tree: TreeConnect
) -> list[Open]:
    """TREE_DISCONNECT closes whatever the session has open."""
    return list(tree.session.open_table.values())


defect(
    "tree-disconnect-leaves-pending",
    replaces=AsyncPolicy.pending_requests_end_with_tree,
    breaks=["SMB2-3.3.5.8-03", "SMB2-3.3.5.8-06"],
    origin="Samba until 4.2, bug 10344: what waited was not answered when its tree ended",
).always(False, "A request that is pending when its tree ends gets no answer.")


@defect(
    "tree-disconnect-ends-on-one-connection",
    replaces=AsyncPolicy.pending_requests_end_with_tree,
    breaks=["SMB2-3.3.5.8-03", "SMB2-3.3.5.8-06"],
    origin="Samba, bug 11182: only requests of the same connection were ended",
)
def _tree_disconnect_ends_on_one_connection(
    original: Callable[[Request], bool], self: AsyncPolicy, request: Request
) -> bool:
    """What waits on a tree over a later channel gets no answer when the tree ends."""
    return original(request) and request.connection is request.require_session().connection


@defect(
    "logoff-ends-on-one-connection",
    replaces=AsyncPolicy.pending_requests_end_with_session,
    breaks=["SMB2-3.3.5.6-09"],
    origin="Samba, bug 11182: only requests of the same connection were ended",
)
def _logoff_ends_on_one_connection(
    original: Callable[[Request], bool], self: AsyncPolicy, request: Request
) -> bool:
    """What waits over a later channel gets no answer when its session logs off."""
    return original(request) and request.connection is request.require_session().connection


@defect(
    "logoff-ends-whole-connection",
    replaces=AsyncPolicy.pending_of_session,
    breaks=["SMB2-3.3.5.6-07"],
    origin="plausible: requests are kept by connection, and LOGOFF ends them all",
)
def _logoff_ends_whole_connection(
    original: Callable[[Session], list[Request]], self: AsyncPolicy, session: Session
) -> list[Request]:
    """LOGOFF ends what is pending for other sessions of its connection."""
    return [one for other in session.channel_list.connections() for one in other.async_command_list.values()]


@defect(
    "locks-of-the-dead-block",
    replaces=LockTable.release_open,
    breaks=["SMB2-3.3.5.8-07", "SMB2-3.3.5.6-08", "SMB2-3.3.7.1-06"],
    origin="plausible: waiting requests are looked at when a range is unlocked, not when its open goes",
)
def _locks_of_the_dead_block(
    original: Callable[[Open, float], None], self: LockTable, open_: Open, now: float
) -> None:
    """A lock that goes with its open is given to nobody who waits for it."""
    waiting = [one for one in self._waiting if one.open is not open_]
    self._waiting = [one for one in self._waiting if one.open is open_]
    original(open_, now)
    self._waiting = waiting


@defect(
    "reserved-must-be-zero",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-2.2.11-01", "SMB2-2.2.7-01"],
    origin="plausible: what the client MUST set is verified",
)
def _reserved_must_be_zero(
    original: Callable[[Request], bool], self: MessagePolicy, request: Request
) -> bool:
    """LOGOFF and TREE_DISCONNECT are refused where Reserved is not zero."""
    body = request.body
    return original(request) or (isinstance(body, ReservedBody) and body.reserved != 0)


@defect(
    "error-reserved-set",
    replaces=MessagePolicy.error_response,
    breaks=["SMB2-2.2.2-01"],
    origin="plausible: memory that is not cleared",
)
def _error_reserved_set(
    original: Callable[[Connection, Reply], ErrorResponse],
    self: MessagePolicy,
    connection: Connection,
    reply: Reply,
) -> ErrorResponse:
    """Reserved of an ERROR response is not zero."""
    return replace(original(connection, reply), reserved=0xFF)


@defect(
    "error-contexts-counted-in-every-dialect",
    replaces=MessagePolicy.error_response,
    breaks=["SMB2-2.2.2-02"],
    origin="plausible: the field of 3.1.1 is filled whatever the dialect",
)
def _error_contexts_counted_in_every_dialect(
    original: Callable[[Connection, Reply], ErrorResponse],
    self: MessagePolicy,
    connection: Connection,
    reply: Reply,
) -> ErrorResponse:
    """ErrorContextCount of an ERROR response is 1 before 3.1.1."""
    response = original(connection, reply)
    return response if connection.is_311 else replace(response, error_context_count=1)


defect(
    "close-finds-its-tree-first",
    replaces=TreePolicy.close_finds_its_open_first,
    breaks=["SMB2-3.3.5.10-05"],
    origin="Samba: the TreeId of every command is looked up before its handler is called",
).always(False, "CLOSE is refused for its TreeId before its FileId is looked at.")
