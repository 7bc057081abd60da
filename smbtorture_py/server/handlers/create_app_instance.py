"""AppInstanceId and AppInstanceVersion in CREATE ([MS-SMB2] 3.3.5.9.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.open import Open, close_open
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.server import Server


def take_over(server: Server, attempt: Attempt, now: float) -> Status:
    """Close the open that the same application has on another client; a Status where this CREATE is the
    older one."""
    policy = server.policies.app_instance
    open_ = _find(server, attempt)
    if open_ is None:
        return Status.SUCCESS
    if policy.is_outdated(attempt, open_):
        return policy.outdated_status()
    if policy.closes(attempt, open_):
        close_open(server, open_, now)
    return Status.SUCCESS


def record(server: Server, attempt: Attempt, open_: Open) -> None:
    """Note whose application an open is ("Successful Open Initialization")."""
    policy = server.policies.app_instance
    open_.app_instance_id = policy.recorded_id(attempt)
    open_.application_instance_version = policy.recorded_version(attempt)


def _find(server: Server, attempt: Attempt) -> Open | None:
    """Look for it in GlobalOpenTable (3.3.5.9.13)."""
    if attempt.contexts.app_instance_id is None:
        return None
    for open_ in server.global_open_table.values():
        if server.policies.app_instance.matches(attempt, open_):
            return open_
    return None
