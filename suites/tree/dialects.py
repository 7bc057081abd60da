"""The dialects that cases about tree connects run in."""

from __future__ import annotations

from typing import Final

from smbtorture_py.wire.negotiate import Dialect

DIALECTS: Final = (
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
)
"""All of them."""

SMB_2: Final = DIALECTS[:2]
SMB_3: Final = DIALECTS[2:]
BELOW_3_1_1: Final = DIALECTS[:-1]
