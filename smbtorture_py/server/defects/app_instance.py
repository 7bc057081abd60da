"""Defects of application instances that move to another client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.durable_opens import DurableOpens
from smbtorture_py.server.policies.app_instance import AppInstancePolicy
from smbtorture_py.wire.create import CreateRequest
from smbtorture_py.wire.create_contexts import AppInstanceId, find
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request

_LIKELY: Final = "plausible: "

defect(
    "app-instance-ignored",
    replaces=AppInstancePolicy.matches,
    breaks=["SMB2-3.3.5.9.13-01", "SMB2-3.3.5.9.10-19", "SMB2-3.3.5.9.13-07"],
    origin="Samba, ksmbd: the contexts are not known",
).always(False, "Application instances mean nothing.")


@defect(
    "app-instance-any",
    replaces=AppInstancePolicy.matches,
    breaks=["SMB2-3.3.5.9.13-03"],
    origin=_LIKELY + "that both opens name an instance is taken to be enough",
)
def _any_instance(
    original: Callable[[Attempt, Open], bool], self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """Any application instance takes over what another client has open, for whatever instance."""
    del original
    here = self.is_same_share(attempt, open_) and self.is_same_path(attempt, open_)
    return here and self.is_another_client(attempt, open_)


defect(
    "app-instance-any-path",
    replaces=AppInstancePolicy.is_same_path,
    breaks=["SMB2-3.3.5.9.13-03"],
    origin=_LIKELY + "the open is looked up by the instance alone",
).always(True, "An application instance takes over whatever file it has open elsewhere.")

defect(
    "app-instance-any-share",
    replaces=AppInstancePolicy.is_same_share,
    breaks=["SMB2-3.3.5.9.13-03"],
    origin=_LIKELY + "the path is compared, and not where it begins",
).always(True, "An application instance takes over the same path of another share.")

defect(
    "app-instance-same-client",
    replaces=AppInstancePolicy.is_another_client,
    breaks=["SMB2-3.3.5.9.13-02"],
    origin=_LIKELY + "the ClientGuid is not compared",
).always(True, "An application instance takes over what the same client has open for it.")


@defect(
    "app-instance-by-session",
    replaces=AppInstancePolicy.is_another_client,
    breaks=["SMB2-3.3.5.9.13-02"],
    origin=_LIKELY + "the session is compared in place of the ClientGuid",
)
def _by_session(
    original: Callable[[Attempt, Open], bool], _self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """An application instance takes over what another session of the same client has open for it."""
    del original
    return open_.session is not attempt.request.session


defect(
    "app-instance-not-closed",
    replaces=AppInstancePolicy.closes,
    breaks=["SMB2-3.3.5.9.13-01", "SMB2-3.3.5.9.13-07"],
    origin=_LIKELY + "the open is found and left to the sharing rules",
).always(False, "The open that an application instance has elsewhere is not closed.")


defect(
    "app-instance-closes-unreadable",
    replaces=AppInstancePolicy.closes,
    breaks=["SMB2-3.3.5.9.13-09"],
    origin=_LIKELY + "whoever knows the AppInstanceId counts as the application",
).always(True, "An application instance closes an open also for a user who may not read the file.")

defect(
    "app-instance-unreadable-kept",
    replaces=AppInstancePolicy.closes_unreadable,
    breaks=["SMB2-3.3.5.9.13-10"],
    origin="Windows Server 2012 and 2012 R2: without CreateGuid it depends on the user as well (note 355)",
).always(False, "An open without CreateGuid is left to a user who may not read the file.")


@defect(
    "app-instance-not-closed-without-guid",
    replaces=AppInstancePolicy.recorded_id,
    breaks=["SMB2-3.3.5.9.13-01"],
    origin="Windows Server 2012 and 2012 R2: product behaviour <355>",
)
def _not_without_guid(
    original: Callable[[Attempt], bytes | None], _self: AppInstancePolicy, attempt: Attempt
) -> bytes | None:
    """An application instance is noted only beside DH2Q."""
    return None if attempt.contexts.durable_request_v2 is None else original(attempt)


defect(
    "app-instance-version-ignored",
    replaces=AppInstancePolicy.is_outdated,
    breaks=["SMB2-3.3.5.9.13-05", "SMB2-3.3.5.9.13-06"],
    origin=_LIKELY + "the version context came with 3.1.1 and was never added",
).always(False, "An application instance moves whatever its version.")


@defect(
    "app-instance-same-version-moves",
    replaces=AppInstancePolicy.is_outdated,
    breaks=["SMB2-3.3.5.9.13-05"],
    origin=_LIKELY + "greater is written where greater or equal is meant",
)
def _same_version_moves(
    original: Callable[[Attempt, Open], bool], self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """An application instance moves to a client with the same version of it."""
    return self.version(attempt) != open_.application_instance_version and original(attempt, open_)


@defect(
    "app-instance-low-version-ignored",
    replaces=AppInstancePolicy.is_outdated,
    breaks=["SMB2-3.3.5.9.13-05"],
    origin=_LIKELY + "the high half is taken for the version",
)
def _low_version_ignored(
    original: Callable[[Attempt, Open], bool], self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """Of two versions that differ in their low half alone the lower one takes over."""
    held, given = open_.application_instance_version, self.version(attempt)
    if held is not None and given is not None and held[0] == given[0]:
        return False
    return original(attempt, open_)


@defect(
    "app-instance-high-version-ignored",
    replaces=AppInstancePolicy.is_outdated,
    breaks=["SMB2-3.3.5.9.13-05", "SMB2-3.3.5.9.13-07"],
    origin=_LIKELY + "the halves are compared in the order of their names",
)
def _high_version_ignored(
    original: Callable[[Attempt, Open], bool], self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """The low half of a version counts before the high one."""
    held, given = open_.application_instance_version, self.version(attempt)
    if held is not None and given is not None:
        return held[::-1] >= given[::-1]
    return original(attempt, open_)


@defect(
    "app-instance-version-missing-accepted",
    replaces=AppInstancePolicy.is_outdated,
    breaks=["SMB2-3.3.5.9.13-06"],
    origin=_LIKELY + "versions are compared where both sides have one",
)
def _version_missing(
    original: Callable[[Attempt, Open], bool], self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """An application instance with a version moves to a client that names none."""
    return self.version(attempt) is not None and original(attempt, open_)


@defect(
    "app-instance-greater-version-refused",
    replaces=AppInstancePolicy.is_outdated,
    breaks=["SMB2-3.3.5.9.13-07"],
    origin=_LIKELY + "only equal versions are taken for the same application",
)
def _greater_version_refused(
    original: Callable[[Attempt, Open], bool], self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """An application instance does not move to a client with another version of it, greater or not."""
    return self.version(attempt) != open_.application_instance_version or original(attempt, open_)


@defect(
    "app-instance-version-stored-below-3-1-1",
    replaces=AppInstancePolicy.recorded_version,
    breaks=["SMB2-3.3.5.9.13-13"],
    origin=_LIKELY + "the context is looked at and the dialect is not",
)
def _version_stored(
    original: Callable[[Attempt], tuple[int, int] | None], self: AppInstancePolicy, attempt: Attempt
) -> tuple[int, int] | None:
    """The version of an application instance is noted whatever the dialect."""
    del original
    return self.version(attempt)


defect(
    "app-instance-outdated-as-sharing-violation",
    replaces=AppInstancePolicy.outdated_status,
    breaks=["SMB2-3.3.5.9.13-05", "SMB2-3.3.5.9.13-06"],
    origin=_LIKELY + "an instance that is not taken over is left to the sharing rules",
).always(Status.SHARING_VIOLATION, "An older application instance fails with SHARING_VIOLATION.")


@defect(
    "app-instance-beside-reconnect",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.13-08"],
    origin=_LIKELY + "the contexts of a CREATE are looked at one by one",
)
def _beside_reconnect(
    original: Callable[[Open, Request], None], self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnect that names an application instance closes what another client has open for it."""
    original(open_, request)
    body = request.body
    named = find(body.contexts, AppInstanceId, []) if isinstance(body, CreateRequest) else None
    for other in self._server.global_open_table.values():
        if named is not None and other.app_instance_id == bytes(named.app_instance_id) and other.session:
            other.session.open_table.pop(other.file_id, None)
