"""NEGOTIATE from the client's side ([MS-SMB2] 3.2.4.2.2, 3.2.5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
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
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    ContextType,
    EncryptionCapabilities,
    HashAlgorithm,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    find,
)
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest
from smbtorture_py.wire.status import Status

ALL_DIALECTS: Final = (
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
)
CAPABILITIES: Final = (
    Capabilities.DFS
    | Capabilities.LEASING
    | Capabilities.LARGE_MTU
    | Capabilities.MULTI_CHANNEL
    | Capabilities.PERSISTENT_HANDLES
    | Capabilities.DIRECTORY_LEASING
)
"""What a 3.x client declares besides encryption ([MS-SMB2] 2.2.3)."""

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

    hash_algorithms: Sequence[int] = (HashAlgorithm.SHA_512,)
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

    def request(self, connection: Connection) -> NegotiateRequest:
        """Build the request, as [MS-SMB2] 3.2.4.2.2.2 says for what is None."""
        config = connection.config
        highest = max(self.dialects, default=0)
        security_mode, capabilities, guid = self.security_mode, self.capabilities, self.client_guid
        if security_mode is None:
            required = config.require_message_signing
            security_mode = SecurityMode.SIGNING_REQUIRED if required else SecurityMode.SIGNING_ENABLED
        if capabilities is None:
            capabilities = CAPABILITIES if highest >= Dialect.SMB_3_0 else Capabilities.NONE
            if highest >= Dialect.SMB_3_0 and config.is_encryption_supported:
                capabilities |= Capabilities.ENCRYPTION
        if guid is None:
            guid = (
                connection.client_guid if highest >= Dialect.SMB_2_1 else bytes(len(connection.client_guid))
            )
        return NegotiateRequest(
            security_mode=security_mode,
            capabilities=capabilities,
            client_guid=guid,
            dialects=list(self.dialects),
            negotiate_contexts=list(self._contexts(connection)),
        )

    def _contexts(self, connection: Connection) -> Sequence[NegotiateContext]:
        if self.contexts is not None:
            return self.contexts
        if Dialect.SMB_3_1_1 not in self.dialects:
            return self.extra_contexts
        salt = connection.entropy(SALT_SIZE) if self.salt is None else self.salt
        contexts = [PreauthIntegrityCapabilities(list(self.hash_algorithms), salt).envelope()]
        if self.ciphers and connection.config.is_encryption_supported:
            contexts.append(EncryptionCapabilities(list(self.ciphers)).envelope())
        name = connection.config.server_name if self.netname is None else self.netname
        if name:
            contexts.append(NetnameNegotiateContextId(name).envelope())
        if self.signing_algorithms:
            contexts.append(SigningCapabilities(list(self.signing_algorithms)).envelope())
        return [*contexts, *self.extra_contexts]


@dataclass(slots=True, kw_only=True)
class NegotiateResult:
    """What came of a NEGOTIATE; the connection holds what was agreed."""

    connection: Connection
    exchanges: list[Exchange] = field(default_factory=list)
    offer: NegotiateOffer

    @property
    def status(self) -> Status | int | None:
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

    `tamper` changes the SMB2 request. With `offer.smb1_dialects` the SMB1 request goes first, and the SMB2
    one only where the server answers with dialect 0x02FF. A response that a client must not accept is stored
    all the same, with violations; a second NEGOTIATE on a connection is sent like the first.
    """
    offer = offer or NegotiateOffer()
    result = NegotiateResult(connection=connection, offer=offer)
    if offer.smb1_dialects:
        exchange = connection.submit_smb1_negotiate(Smb1NegotiateRequest(dialects=list(offer.smb1_dialects)))
        result.exchanges.append(exchange)
        yield exchange
        response = exchange.body(NegotiateResponse)
        if response is None or exchange.status != Status.SUCCESS:
            return result
        if response.dialect_revision != Dialect.WILDCARD:
            _store(connection, response, exchange, (Dialect.SMB_2_0_2,))
            return result
    request = offer.request(connection)
    connection.client_guid = request.client_guid
    connection.client_capabilities = Capabilities(request.capabilities)
    connection.client_security_mode = SecurityMode(request.security_mode)
    connection.offered_dialects = tuple(request.dialects)
    exchange = connection.submit(request, tamper=tamper)
    result.exchanges.append(exchange)
    yield exchange
    response = exchange.body(NegotiateResponse)
    if response is None or exchange.status != Status.SUCCESS:
        return result
    _store(connection, response, exchange, connection.offered_dialects)
    if connection.dialect >= Dialect.SMB_3_1_1:
        _store_contexts(connection, response, exchange)
        connection.preauth_integrity_hash = PreauthIntegrityHash()
        connection.preauth_integrity_hash.update(exchange.request_bytes)
        connection.preauth_integrity_hash.update(exchange.response_bytes)
    return result


def _violate(connection: Connection, exchange: Exchange, problem: str) -> None:
    connection.violate(Rule.NEGOTIATE, problem, connection.clock(), exchange)


def _store(
    connection: Connection, response: NegotiateResponse, exchange: Exchange, offered: Sequence[int]
) -> None:
    """Take over a response in the order of [MS-SMB2] 3.2.5.2."""
    violate = partial(_violate, connection, exchange)
    connection.max_transact_size = response.max_transact_size
    connection.max_read_size = response.max_read_size
    connection.max_write_size = response.max_write_size
    connection.server_guid = response.server_guid
    connection.gss_negotiate_token = bytes(response.security_buffer)
    if response.dialect_revision not in offered:
        violate(f"dialect {response.dialect_revision:#06x} was not offered")
    connection.dialect = response.dialect_revision
    capabilities = Capabilities(response.capabilities)
    security_mode = SecurityMode(response.security_mode)
    connection.server_capabilities = capabilities
    connection.server_security_mode = security_mode
    connection.require_signing = SecurityMode.SIGNING_REQUIRED in security_mode
    connection.supports_file_leasing = Capabilities.LEASING in capabilities
    connection.supports_multi_credit = Capabilities.LARGE_MTU in capabilities
    is_smb3, is_311 = connection.is_smb3, connection.dialect >= Dialect.SMB_3_1_1
    connection.supports_directory_leasing = is_smb3 and Capabilities.DIRECTORY_LEASING in capabilities
    connection.supports_multi_channel = is_smb3 and Capabilities.MULTI_CHANNEL in capabilities
    connection.supports_persistent_handles = is_smb3 and Capabilities.PERSISTENT_HANDLES in capabilities
    connection.supports_encryption = is_smb3 and not is_311 and Capabilities.ENCRYPTION in capabilities
    connection.supports_notifications = is_311 and Capabilities.NOTIFICATIONS in capabilities
    connection.cipher_id = Cipher.NONE
    connection.signing_algorithm_id = None


def _store_contexts(connection: Connection, response: NegotiateResponse, exchange: Exchange) -> None:
    """Take over the negotiate contexts of a 3.1.1 response ([MS-SMB2] 3.2.5.2)."""
    findings: Findings = []
    violate = partial(_violate, connection, exchange)

    def only(name: str, values: Sequence[int], count: int, offered: Sequence[int]) -> int | None:
        if count != 1 or len(values) != 1:
            violate(f"{name}: {count} values where one is chosen")
        if not values:
            return None
        if values[0] not in offered:
            violate(f"{name}: {values[0]:#06x} was not offered")
        return values[0]

    contexts = response.negotiate_contexts
    types = [context.context_type for context in contexts]
    hash_contexts = types.count(ContextType.PREAUTH_INTEGRITY_CAPABILITIES)
    if hash_contexts != 1:
        violate(f"{hash_contexts} PREAUTH_INTEGRITY_CAPABILITIES, not one")
    for kind in (
        ContextType.ENCRYPTION_CAPABILITIES,
        ContextType.COMPRESSION_CAPABILITIES,
        ContextType.RDMA_TRANSFORM_CAPABILITIES,
        ContextType.SIGNING_CAPABILITIES,
        ContextType.TRANSPORT_CAPABILITIES,
    ):
        if types.count(kind) > 1:
            violate(f"{types.count(kind)} {kind.name}, at most one is allowed")
    offered = _offered(exchange)
    preauth = find(contexts, PreauthIntegrityCapabilities, findings)
    if preauth is not None:
        chosen = only(
            "HashAlgorithms", preauth.hash_algorithms, preauth.hash_algorithm_count, offered.hash_algorithms
        )
        connection.preauth_integrity_hash_id = chosen or 0
    encryption = find(contexts, EncryptionCapabilities, findings)
    if encryption is not None:
        chosen = only("Ciphers", encryption.ciphers, encryption.cipher_count, [*offered.ciphers, Cipher.NONE])
        connection.cipher_id = chosen or Cipher.NONE
    connection.supports_encryption = connection.cipher_id != Cipher.NONE
    signing = find(contexts, SigningCapabilities, findings)
    if signing is not None:
        chosen = only(
            "SigningAlgorithms",
            signing.signing_algorithms,
            signing.signing_algorithm_count,
            offered.signing_algorithms,
        )
        if chosen in list(SigningAlgorithm):
            connection.signing_algorithm_id = SigningAlgorithm(chosen)
    for finding in findings:
        violate(str(finding))


@dataclass(slots=True)
class _Offered:
    """The algorithms a request offered on the wire, whoever put them there."""

    hash_algorithms: Sequence[int]
    ciphers: Sequence[int]
    signing_algorithms: Sequence[int]


def _offered(exchange: Exchange) -> _Offered:
    request = exchange.request.body
    contexts = request.negotiate_contexts if isinstance(request, NegotiateRequest) else []
    findings: Findings = []
    preauth = find(contexts, PreauthIntegrityCapabilities, findings)
    encryption = find(contexts, EncryptionCapabilities, findings)
    signing = find(contexts, SigningCapabilities, findings)
    return _Offered(
        preauth.hash_algorithms if preauth is not None else (),
        encryption.ciphers if encryption is not None else (),
        signing.signing_algorithms if signing is not None else (),
    )
