"""Which opens become durable or persistent, and for how long ([MS-SMB2] 3.3.5.9.6, 3.3.5.9.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.create_contexts import (
    APP_INSTANCE_ID,
    APP_INSTANCE_VERSION,
    DURABLE_HANDLE_RECONNECT_V2,
    DURABLE_HANDLE_REQUEST_V2,
    DurableHandleFlags,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Collection

    from smbtorture_py.auth.accounts import Identity
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.server import Server
    from smbtorture_py.server.session import Session

VERSION_1_TIMEOUT: Final = 120.0
"""Seconds; 3.3.5.9.6 leaves the value open, the newer of its product note is taken."""
DEFAULT_TIMEOUT: Final = 60_000
"""Milliseconds for a request that leaves the choice to the server (3.3.5.9.10)."""
MAXIMUM_TIMEOUT: Final = 300_000
"""Milliseconds (3.3.5.9.10)."""
_OF_3X: Final = frozenset(
    {DURABLE_HANDLE_REQUEST_V2, DURABLE_HANDLE_RECONNECT_V2, APP_INSTANCE_ID, APP_INSTANCE_VERSION}
)
"""Names of the contexts that only 3.x has."""


class DurablePolicy:
    """The choices around making an open durable."""

    def knows_context(self, connection: Connection, name: bytes) -> bool:
        """Whether a create context is looked at: those of 3.x are unknown ones on other dialects
        (3.3.5.9.10, .12, .13)."""
        return connection.is_3x or name not in _OF_3X

    def request_combination_status(self, contexts: CreateContexts) -> Status:
        """SUCCESS, or what DHnQ fails with beside a context of version 2 (SHOULD, 3.3.5.9.6)."""
        if contexts.durable_request is None:
            return Status.SUCCESS
        other = contexts.durable_request_v2 or contexts.durable_reconnect_v2
        return Status.SUCCESS if other is None else Status.INVALID_PARAMETER

    def request_v2_combination_status(self, contexts: CreateContexts) -> Status:
        """SUCCESS, or what DH2Q fails with beside any other durable context (3.3.5.9.10)."""
        if contexts.durable_request_v2 is None:
            return Status.SUCCESS
        others = (contexts.durable_request, contexts.durable_reconnect, contexts.durable_reconnect_v2)
        return Status.SUCCESS if others == (None, None, None) else Status.INVALID_PARAMETER

    def store_grants_durability(self, open_: Open) -> bool:
        """Whether the object store grants an open durability: a file that its client may keep open by itself.

        That is a batch oplock or a lease with HANDLE caching, once granted. Nothing else would be preserved
        (3.3.7.1) or could be reconnected (3.3.5.9.7, .12).
        """
        if open_.is_directory or not self.share_keeps_opens(open_):
            return False
        if open_.lease is not None:
            return LeaseState.HANDLE_CACHING in open_.lease.lease_state
        return open_.oplock_level is OplockLevel.BATCH

    def share_keeps_opens(self, open_: Open) -> bool:
        """Whether the store of an open's share offers durability to anybody (3.3.5.9.6, 3.3.5.9.10)."""
        tree_connect = open_.tree_connect
        return tree_connect is None or tree_connect.share.has_durability

    def too_many(self, server: Server, preserved: Collection[Open]) -> Open | None:
        """The open that is closed because more are preserved, oldest first, than there are resources for:
        a durable one sooner than a persistent one (3.3.2.2; the number is ours)."""
        if len(preserved) <= server.config.max_preserved_opens:
            return None
        durable = (open_ for open_ in preserved if not open_.is_persistent)
        return next(durable, next(iter(preserved), None))

    def request_is_considered(self, attempt: Attempt) -> bool:
        """Whether DHnQ is looked at: batch was asked for, or a lease with HANDLE caching (3.3.5.9.6).

        The text names version 1 of the lease context only, which would keep the clients of 3.x from durable
        handles of version 1: both versions count (erratum 17).
        """
        if attempt.body.requested_oplock_level == OplockLevel.BATCH:
            return True
        lease = attempt.contexts.lease
        return lease is not None and LeaseState.HANDLE_CACHING in lease.lease_state

    def request_v2_is_considered(self, attempt: Attempt, open_: Open) -> bool:
        """Whether DH2Q may make an open durable: not one with FILE_ATTRIBUTE_DIRECTORY (3.3.5.9.10)."""
        del attempt
        return not open_.file_attributes & FileAttributes.DIRECTORY

    def is_durable(self, attempt: Attempt, open_: Open) -> bool:
        """Whether DHnQ makes an open durable: it is looked at, and the object store agrees (3.3.5.9.6)."""
        return self.request_is_considered(attempt) and self.store_grants_durability(open_)

    def is_durable_v2(self, open_: Open) -> bool:
        """Whether DH2Q makes an open durable: it is persistent, or the object store agrees (3.3.5.9.10)."""
        return open_.is_persistent or self.store_grants_durability(open_)

    def is_persistent(self, attempt: Attempt) -> bool:
        """Whether Open.IsPersistent becomes TRUE: asked for, on a continuously available share, to a client
        that was told of persistent handles (3.3.5.9.10)."""
        context = attempt.contexts.durable_request_v2
        asks = context is not None and bool(context.flags & DurableHandleFlags.PERSISTENT)
        return asks and self.share_persists(attempt.request)

    def share_persists(self, request: Request) -> bool:
        """Whether opens of this tree connect can be persistent: Share.IsCA, and PERSISTENT_HANDLES in
        Connection.ServerCapabilities (3.3.5.9, 3.3.5.9.10, .12)."""
        connection = request.connection
        capable = Capabilities.PERSISTENT_HANDLES in connection.server_capabilities
        return capable and request.require_tree().share.is_continuously_available

    def disconnected_status(self, attempt: Attempt, open_: Open) -> Status:
        """SUCCESS, or what a CREATE fails with for a name whose persistent open is disconnected (SHOULD,
        3.3.5.9).

        The replay that asks for this very open is let through to its own rules, which else would never apply
        (erratum 19).
        """
        request, context = attempt.request, attempt.contexts.durable_request_v2
        is_replay = request.connection.server.policies.replay.is_replay(request)
        asks_for_it = context is not None and bytes(context.create_guid) == open_.create_guid
        return Status.SUCCESS if is_replay and asks_for_it else Status.FILE_NOT_AVAILABLE

    def forces_write_through(self, request: Request) -> bool:
        """Whether FILE_WRITE_THROUGH is set in CreateOptions: wherever opens can be persistent (3.3.5.9)."""
        return request.connection.is_3x and self.share_persists(request)

    def timeout(self) -> float:
        """Open.DurableOpenTimeout of version 1, seconds: implementation-specific (3.3.5.9.6)."""
        return VERSION_1_TIMEOUT

    def timeout_v2(self, request: Request, requested: int) -> int:
        """Timeout of a DH2Q response, milliseconds: the smaller of what was asked for and 300 s; the server's
        choice where nothing was (SHOULD, 3.3.5.9.10)."""
        del request
        return min(requested, MAXIMUM_TIMEOUT) if requested else DEFAULT_TIMEOUT

    def response_v2_is_sent(self, open_: Open) -> bool:
        """Whether a DH2Q response goes out: where Open.IsDurable is TRUE (SHOULD, 3.3.5.9.10)."""
        return open_.is_durable

    def owner(self, session: Session) -> Identity | None:
        """Open.DurableOwner: the user of the session (3.3.5.9.6, 3.3.5.9.10, 3.3.5.15.9)."""
        return session.security_context

    def is_owner(self, open_: Open, session: Session) -> bool:
        """Whether Session.SecurityContext is the user that Open.DurableOwner denotes (3.3.5.9, .7, .12)."""
        return open_.durable_owner is not None and open_.durable_owner == session.security_context
