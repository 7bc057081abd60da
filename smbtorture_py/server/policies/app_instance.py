"""Application instances that moved to another client ([MS-SMB2] 3.3.5.9, 3.3.5.9.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.access import GENERIC_READ_ACCESS
from smbtorture_py.server.storage import fold
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.open import Open


class AppInstancePolicy:
    """The choices around AppInstanceId and AppInstanceVersion."""

    def recorded_id(self, attempt: Attempt) -> bytes | None:
        """Open.AppInstanceId; without DH2Q only on a server that implements 3.1.1 (3.3.5.9)."""
        contexts, server = attempt.contexts, attempt.request.connection.server
        if contexts.app_instance_id is None:
            return None
        if contexts.durable_request_v2 is None and not server.implements_311:
            return None
        return bytes(contexts.app_instance_id.app_instance_id)

    def recorded_version(self, attempt: Attempt) -> tuple[int, int] | None:
        """Open.ApplicationInstanceVersionHigh and -Low: on 3.1.1, beside an AppInstanceId (3.3.5.9)."""
        contexts = attempt.contexts
        if contexts.app_instance_id is None or not attempt.request.connection.is_311:
            return None
        return self.version(attempt)

    def version(self, attempt: Attempt) -> tuple[int, int] | None:
        """High and Low of the request; None where it has none."""
        version = attempt.contexts.app_instance_version
        if version is None:
            return None
        return version.app_instance_version_high, version.app_instance_version_low

    def matches(self, attempt: Attempt, open_: Open) -> bool:
        """Whether an open is that of the same application on another client: same AppInstanceId, path and
        share, another ClientGuid (3.3.5.9.13)."""
        wanted = attempt.contexts.app_instance_id
        if wanted is None or open_.app_instance_id != bytes(wanted.app_instance_id):
            return False
        if not self.is_same_share(attempt, open_) or not self.is_same_path(attempt, open_):
            return False
        return self.is_another_client(attempt, open_)

    def is_same_share(self, attempt: Attempt, open_: Open) -> bool:
        """Whether Open.TreeConnect.Share is TreeConnect.Share (3.3.5.9.13)."""
        return open_.storage is attempt.storage

    def is_same_path(self, attempt: Attempt, open_: Open) -> bool:
        """Whether the target path name is Open.PathName (3.3.5.9.13)."""
        here, there = attempt.path_name, open_
        names = [*map(fold, here.path), fold(here.stream)]
        return names == [*map(fold, there.path), fold(there.stream.name)]

    def is_another_client(self, attempt: Attempt, open_: Open) -> bool:
        """Whether Open.Session.Connection.ClientGuid is another than that of the connection (3.3.5.9.13).

        A disconnected open has no session to ask: the ClientGuid it was made with counts (erratum 21).
        """
        guid = open_.client_guid if open_.session is None else open_.session.connection.client_guid
        return guid != attempt.request.connection.client_guid

    def is_outdated(self, attempt: Attempt, open_: Open) -> bool:
        """Whether a CREATE is that of an instance which the open's has overtaken (3.3.5.9.13)."""
        held = open_.application_instance_version
        if held is None:
            return False
        version = self.version(attempt)
        if version is None:
            return attempt.request.connection.server.implements_311
        return attempt.request.connection.is_311 and held >= version

    def outdated_status(self) -> Status:
        """What such a CREATE fails with (3.3.5.9.13)."""
        return Status.FILE_FORCED_CLOSED

    def closes(self, attempt: Attempt, open_: Open) -> bool:
        """Whether the open found is closed: the user could read the file, or it is closed without that
        (3.3.5.9.13)."""
        request = attempt.request
        create = request.connection.server.policies.create
        maximal = create.maximal_access(request.require_tree(), open_.node.info().file_attributes)
        if maximal & GENERIC_READ_ACCESS == GENERIC_READ_ACCESS:
            return True
        return self.closes_unreadable(attempt, open_)

    def closes_unreadable(self, attempt: Attempt, open_: Open) -> bool:
        """Whether the open is closed whatever the user may do: it has no CreateGuid and its share is not
        continuously available (SHOULD, 3.3.5.9.13)."""
        share = attempt.request.require_tree().share
        return open_.create_guid is None and not share.is_continuously_available
