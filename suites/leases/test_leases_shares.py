"""Leases on shares that limit them, or have none ([MS-SMB2] 3.3.5.9.8, 3.3.5.9.11)."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check, lacks_flag
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R
from smbtorture_py.conformance.needs import (
    LEASING,
    LEVEL_2_SHARE,
    NOT_LEASED_SHARE,
    SCALE_OUT_SHARE,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState
from suites.leases.contest import NONE, V2, WH, H, W, asked, grant

VERSIONS = (1, V2)


@case(
    "leases.level-2-share",
    requirements=["SMB2-3.3.5.9.8-09"],
    needs=[SMB3, LEASING, LEVEL_2_SHARE],
    variants={"version": VERSIONS, "state": [RW, RWH]},
)
def test_no_write_caching_on_a_level_2_share(lab: Lab, version: int, state: LeaseState) -> None:
    """On a share that forces level II a lease gets all that it gets elsewhere, but not W."""
    session = lab.logon()
    grant(session.tree(), lab.guid(), state, version=version)
    file = session.tree(ShareRole.LEVEL_2).open(contexts=[asked(lab.guid(), state, version=version)])
    check.that(
        file,
        "lease state",
        file.lease_state,
        specification=state & ~W,
        permitted_less=lacks_flag(W),
    )
    check.alive(session)


@case(
    "leases.scale-out-share",
    requirements=["SMB2-3.3.5.9.8-10"],
    needs=[SMB3, LEASING, SCALE_OUT_SHARE],
    variants={"version": VERSIONS, "state": [R, RW, RH, RWH, W, H, WH]},
)
def test_a_lease_on_a_scale_out_share(lab: Lab, version: int, state: LeaseState) -> None:
    """On a scale-out share whoever asks for R and anything else gets R; without R there is nothing."""
    session = lab.logon()
    file = session.tree(ShareRole.SCALE_OUT).open(contexts=[asked(lab.guid(), state, version=version)])
    wanted = (R,) if state & R else (NONE, None)
    check.that(file, "lease state", file.lease_state, specification=wanted, as_elsewhere=state)
    check.alive(session)


@case(
    "leases.not-leased-share",
    requirements=["SMB2-3.3.5.9.8-15"],
    needs=[SMB3, LEASING, NOT_LEASED_SHARE],
    variants={"version": VERSIONS, "state": [R, RWH]},
)
def test_a_share_without_leases(lab: Lab, version: int, state: LeaseState) -> None:
    """Where there are no leases, who asks for one should get a batch oplock, and no lease context."""
    session = lab.logon()
    file = session.tree(ShareRole.NOT_LEASED).open(contexts=[asked(lab.guid(), state, version=version)])
    check.that(file, "oplock", file.oplock_level, specification=OplockLevel.BATCH, nothing=OplockLevel.NONE)
    check.that(file, "lease", file.lease_state, specification=None)
    check.alive(session)
