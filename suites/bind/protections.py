"""The ways in which channels are signed and sealed, as variants of cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm

DIALECTS: Final = (Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)
"""The dialects that know channels."""

SIGNED: Final[tuple[Mapping[str, object], ...]] = (
    {"dialect": Dialect.SMB_3_0},
    {"dialect": Dialect.SMB_3_0_2},
    *(
        {"dialect": Dialect.SMB_3_1_1, "signing_algorithm": algorithm}
        for algorithm in (SigningAlgorithm.HMAC_SHA256, SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC)
    ),
)
"""Every way to sign: 3.0 and 3.0.2 have one, 3.1.1 three."""

SEALED: Final[tuple[Mapping[str, object], ...]] = (
    {"dialect": Dialect.SMB_3_0},
    {"dialect": Dialect.SMB_3_0_2},
    *(
        {"dialect": Dialect.SMB_3_1_1, "cipher": cipher}
        for cipher in (Cipher.AES_128_CCM, Cipher.AES_128_GCM, Cipher.AES_256_CCM, Cipher.AES_256_GCM)
    ),
)
"""Every way to seal: 3.0 and 3.0.2 have one, 3.1.1 four."""
