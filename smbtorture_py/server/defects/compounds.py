"""Defects of chains of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.compound import CompoundPolicy

if TYPE_CHECKING:
    from smbtorture_py.server.request import Request


@defect(
    "compound-always-related",
    replaces=CompoundPolicy.is_related,
    breaks=["SMB2-3.3.5.2.7.1-01"],
    origin="plausible: clients send related chains only, nobody looks at the flag",
)
def _always_related(original: Callable[[Request], bool], self: CompoundPolicy, request: Request) -> bool:
    """Requests in one frame are always taken to depend on each other."""
    return request is not request.chain.requests[0]


defect(
    "compound-never-related",
    replaces=CompoundPolicy.is_related,
    breaks=["SMB2-3.3.5.2.7.2-01", "SMB2-3.3.5.2.7.2-02"],
    origin="plausible: chains are cut into messages and each is processed by itself",
).always(False, "Requests in one frame are never taken to depend on each other.")
