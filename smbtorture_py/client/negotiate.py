"""NEGOTIATE from the client's side ([MS-SMB2] 3.2.4.2.2, 3.2.5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.crypto.preauth import PreauthIntegrityHash
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.negotiate import (
    Capabilities,
    Dialect,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbtorture_py.wire.negotiate_contexts import Cipher, NegotiateContext, SigningAlgorithm
from smbtorture_py.wire.status import Status

ALL_DIALECTS: Final = (
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
)
SALT_SIZE: Final = 32
SMB1_DIALECTS: Final = ("NT LM 0.12", "SMB 2.002", "SMB 2.???")
"""Dialect strings of a multi-protocol start ([MS-SMB2] 3.2.4.2.2.1)."""


@dataclass(slots=True, kw_only=True)
class NegotiateOffer:
    """What a NEGOTIATE request says. None: what a correct client of these dialects says."""

    dialects: Sequence[int] = ALL_DIALECTS
    security_mode: SecurityMode | None = None
    capabilities: Capabilities | None = None
    client_guid: bytes | None = None
    ciphers: Sequence[int] = (Cipher.AES_128_GCM, Cipher.AES_128_CCM, Cipher.AES_256_GCM, Cipher.AES_256_CCM)
    """Empty: no ENCRYPTION_CAPABILITIES."""

    signing_algorithms: Sequence[int] = (
        SigningAlgorithm.AES_GMAC,
        SigningAlgorithm.AES_CMAC,
        SigningAlgorithm.HMAC_SHA256,
    )
    """Empty: no SIGNING_CAPABILITIES."""

    salt: bytes | None = None
    """Salt of PREAUTH_INTEGRITY_CAPABILITIES; None: 32 bytes of the connection's entropy."""

    netname: str | None = None
    """NetName; None: ClientConfig.server_name; empty: no such context."""

    extra_contexts: Sequence[NegotiateContext] = ()
    """Sent behind the computed ones."""

    contexts: Sequence[NegotiateContext] | None = None
    """Replaces the whole context list."""

    smb1_dialects: Sequence[str] = ()
    """Start with an SMB_COM_NEGOTIATE that offers these strings ([MS-SMB2] 3.2.4.2.2.1); empty: SMB2 only."""


@dataclass(slots=True, kw_only=True)
class NegotiateResult:
    """What came of a NEGOTIATE; the connection holds what was agreed."""

    connection: Connection
    exchanges: list[Exchange] = field(default_factory=list)
    offer: NegotiateOffer

    @property
    def status(self) -> int | None:
        """Status of the last response; None where the connection was lost before one came."""
        return self.exchanges[-1].status

    @property
    def response(self) -> NegotiateResponse | None:
        """Body of the last response; None where it was an error or none came."""
        return self.exchanges[-1].body(NegotiateResponse)

    @property
    def dialect(self) -> int:
        """DialectRevision; 0 where none was agreed."""
        response = self.response
        return 0 if response is None else response.dialect_revision


def negotiate(
    connection: Connection, offer: NegotiateOffer | None = None, *, tamper: Tamper | None = None
) -> Procedure[NegotiateResult]:
    """Negotiate dialect and capabilities and store them in the connection ([MS-SMB2] 3.2.4.2.2, 3.2.5.2).

    A second NEGOTIATE is legal to ask for here (and illegal on the wire). `tamper` changes the SMB2 request. With
    `offer.smb1_dialects` the SMB1 request goes first, the SMB2 one only where the server answers 0x02FF.
    """
    raise AssertionError
