"""The ways in which requests are signed, as variants of cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smbtorture_py.wire.negotiate import Dialect
from suites.bind.protections import SIGNED

OF_SMB2: Final[tuple[Mapping[str, object], ...]] = (
    {"dialect": Dialect.SMB_2_0_2},
    {"dialect": Dialect.SMB_2_1},
)

EVERY_WAY: Final = (*OF_SMB2, *SIGNED)
"""Every dialect with every algorithm it has."""
