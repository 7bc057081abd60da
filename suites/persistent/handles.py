"""Persistent handles on a continuously available share."""

from __future__ import annotations

from typing import Final, Unpack

from smbtorture_py.conformance.lab import CreateArguments, Lab, LabSession
from smbtorture_py.conformance.lab.handle_contexts import RWH
from smbtorture_py.conformance.needs import CONTINUOUSLY_AVAILABLE_SHARE, PERSISTENT_HANDLES, SMB3
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.lease import LeaseState
from suites.durable.handles import Client, Handle, Kind

NEEDS: Final = [SMB3, PERSISTENT_HANDLES, CONTINUOUSLY_AVAILABLE_SHARE]
KINDS: Final = (Kind.V2_BARE, Kind.V2_BATCH, Kind.V2_LEASE_V1, Kind.V2_LEASE_V2)
BARE: Final = (Kind.V2_BARE, Kind.V2_LEASE_V2)
"""Without anything and with a lease: what every server grants that has persistent handles."""


def on_ca(session: LabSession) -> Client:
    """A client of the continuously available share."""
    return Client(session, ShareRole.CONTINUOUSLY_AVAILABLE)


def arrive(lab: Lab) -> Client:
    """The client that has the handle."""
    return on_ca(lab.logon())


def another(lab: Lab) -> Client:
    """A client with another ClientGuid."""
    return on_ca(lab.another_client())


def persistent(
    client: Client,
    kind: Kind = Kind.V2_BARE,
    name: str | None = None,
    *,
    state: LeaseState = RWH,
    timeout: int = 0,
    **arguments: Unpack[CreateArguments],
) -> Handle:
    """Open a persistent handle; blocks the case where it is not granted."""
    return client.handle(kind, name, state=state, timeout=timeout, persistent=True, **arguments)


def with_everything_cached(client: Client) -> Handle:
    """Open a persistent handle that has a lease with R, W and H; blocks the case where it is not granted."""
    handle = persistent(client, Kind.V2_LEASE_V2)
    if handle.file.lease_state != RWH:
        raise Blocked("the server grants a persistent handle no lease with R, W and H")
    return handle
