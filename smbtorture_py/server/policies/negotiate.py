"""NEGOTIATE, SMB1 and SMB2 ([MS-SMB2] 3.3.5.3, 3.3.5.4): every field and every context of the answer is one
method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from smbtorture_py.auth.acceptor import initial_token
from smbtorture_py.server.config import ServerConfig
from smbtorture_py.server.limits import NEGOTIATE_DIALECT_NONE
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.negotiate import Capabilities, Dialect, NegotiateResponse, SecurityMode
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    CompressionCapabilities,
    ContextType,
    EncryptionCapabilities,
    HashAlgorithm,
    NegotiateContext,
    NegotiateContextPayload,
    PreauthIntegrityCapabilities,
    RdmaTransformCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
)
from smbtorture_py.wire.smb1 import SMB_COM_NEGOTIATE
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.negotiate import NegotiateRequest

DIALECTS: Final = (
    Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1,
)  # fmt: skip
_SALT_SIZE: Final = 32
_SMALL_MAXIMUM: Final = 65536
_LIST_FIELDS: Final = frozenset(
    {"NegotiateContextOffset", "NegotiateContextCount", "NegotiateContext", "DataLength"}
)
_ONCE: Final = (
    ContextType.ENCRYPTION_CAPABILITIES, ContextType.COMPRESSION_CAPABILITIES,
    ContextType.RDMA_TRANSFORM_CAPABILITIES, ContextType.SIGNING_CAPABILITIES,
)  # fmt: skip
# The fixed parts of the structures in 2.2.3.1.1, .2, .7, which a DataLength must reach.
_MINIMUM_PREAUTH: Final = 6
_MINIMUM_ENCRYPTION: Final = 4
_MINIMUM_SIGNING: Final = 4

PayloadT = TypeVar("PayloadT", bound=NegotiateContextPayload)


class NegotiatePolicy:
    """The choices of a negotiation."""

    # Which dialect.

    def dialects(self, config: ServerConfig) -> tuple[Dialect, ...]:
        """The dialects the server implements, lowest first."""
        return tuple(
            dialect for dialect in DIALECTS if config.minimum_dialect <= dialect <= config.maximum_dialect
        )

    def second_negotiate_ends_connection(self, connection: Connection) -> bool:
        """A NEGOTIATE after one that chose a dialect ends the connection (3.3.5.4)."""
        return connection.negotiate_dialect in DIALECTS

    def fields_status(self, body: NegotiateRequest) -> Status:
        """SUCCESS: Reserved is ignored (SHOULD, 2.2.3), and DialectCount has no limit."""
        del body
        return Status.SUCCESS

    def offered_dialects(self, request: Request, body: NegotiateRequest) -> Sequence[int]:
        """The Dialects array: as many values as DialectCount says (2.2.3)."""
        del request
        return body.dialects

    def no_dialects_status(self) -> Status:
        """What DialectCount 0 fails with (3.3.5.4)."""
        return Status.INVALID_PARAMETER

    def common_dialect(self, connection: Connection, offered: Sequence[int]) -> Dialect | None:
        """The greatest common dialect (3.3.5.4)."""
        common = [dialect for dialect in self.dialects(connection.server.config) if dialect in offered]
        return max(common, default=None)

    def no_common_dialect_status(self) -> Status:
        """What no common dialect fails with (3.3.5.4)."""
        return Status.NOT_SUPPORTED

    def smb1_command_is_right(self, command: int) -> bool:
        """SMB1 has one command here, SMB_COM_NEGOTIATE; every other ends the connection (3.3.5.2)."""
        return command == SMB_COM_NEGOTIATE

    def smb1_comes_too_late(self, connection: Connection) -> bool:
        """An SMB_COM_NEGOTIATE after any negotiate ends the connection (3.3.5.3); it counts as MessageId 0
        (3.3.5.2.3)."""
        if connection.negotiate_dialect != NEGOTIATE_DIALECT_NONE:
            return True
        return not connection.command_sequence_window.consume(0, 1)

    def smb1_dialect(self, connection: Connection, offered: Sequence[str]) -> int | None:
        """The DialectRevision that answers an SMB1 negotiate: the wildcard, 2.0.2, or None (3.3.5.3)."""
        config = connection.server.config
        if not config.smb1_negotiate:
            return None
        dialects = self.dialects(config)
        if "SMB 2.???" in offered and dialects[-1:] > (Dialect.SMB_2_0_2,):
            return Dialect.WILDCARD
        if "SMB 2.002" in offered and Dialect.SMB_2_0_2 in dialects:
            return Dialect.SMB_2_0_2
        return None

    # The fields of the answer.

    def structure_size(self) -> int:
        """StructureSize of the answer: 65, whatever buffer and contexts there are (2.2.4)."""
        return NegotiateResponse.STRUCTURE_SIZE

    def supports_multi_credit(self, connection: Connection, dialect: int) -> bool:
        """Connection.SupportsMultiCredit: 2.1 and later over TCP (3.3.5.4)."""
        del connection
        return dialect != Dialect.SMB_2_0_2

    def security_mode(self, connection: Connection) -> SecurityMode:
        """SecurityMode: SIGNING_ENABLED, and SIGNING_REQUIRED where configured (3.3.5.4)."""
        mode = SecurityMode.SIGNING_ENABLED
        if connection.server.config.require_message_signing:
            mode |= SecurityMode.SIGNING_REQUIRED
        return mode

    def capabilities(self, connection: Connection, dialect: int) -> Capabilities:
        """Capabilities of the answer (3.3.5.4); each bit is a method below."""
        capabilities = Capabilities.NONE
        if self.advertises_leasing(connection, dialect):
            capabilities |= Capabilities.LEASING
        if connection.supports_multi_credit:
            capabilities |= Capabilities.LARGE_MTU
        if not connection.is_3x:
            return capabilities
        if self.advertises_multi_channel(connection):
            capabilities |= Capabilities.MULTI_CHANNEL
        if self.advertises_directory_leasing(connection):
            capabilities |= Capabilities.DIRECTORY_LEASING
        if self.advertises_persistent_handles(connection):
            capabilities |= Capabilities.PERSISTENT_HANDLES
        if self.advertises_encryption(connection):
            capabilities |= Capabilities.ENCRYPTION
        if self.advertises_notifications(connection):
            capabilities |= Capabilities.NOTIFICATIONS
        return capabilities

    def advertises_leasing(self, connection: Connection, dialect: int) -> bool:
        """SMB2_GLOBAL_CAP_LEASING: from 2.1 on, where the server leases."""
        return connection.server.config.leasing and dialect != Dialect.SMB_2_0_2

    def advertises_multi_channel(self, connection: Connection) -> bool:
        """SMB2_GLOBAL_CAP_MULTI_CHANNEL: where the server is capable of it and the client asked."""
        return (
            connection.server.config.multichannel
            and Capabilities.MULTI_CHANNEL in connection.client_capabilities
        )

    def advertises_directory_leasing(self, connection: Connection) -> bool:
        """SMB2_GLOBAL_CAP_DIRECTORY_LEASING: where the server leases directories and the client asked."""
        return (
            connection.server.config.directory_leasing
            and Capabilities.DIRECTORY_LEASING in connection.client_capabilities
        )

    def advertises_persistent_handles(self, connection: Connection) -> bool:
        """SMB2_GLOBAL_CAP_PERSISTENT_HANDLES: where the server has them and the client asked."""
        return (
            connection.server.config.persistent_handles
            and Capabilities.PERSISTENT_HANDLES in connection.client_capabilities
        )

    def advertises_encryption(self, connection: Connection) -> bool:
        """SMB2_GLOBAL_CAP_ENCRYPTION: with 3.0 and 3.0.2, where the server has AES-128-CCM and the client
        asked."""
        config = connection.server.config
        return (
            not connection.is_311
            and connection.server.policies.encryption.is_supported(config)
            and Cipher.AES_128_CCM in config.ciphers
            and Capabilities.ENCRYPTION in connection.client_capabilities
        )

    def advertises_notifications(self, connection: Connection) -> bool:
        """SMB2_GLOBAL_CAP_NOTIFICATIONS: on 3.1.1, where the server sends them and the client asked."""
        return (
            connection.is_311
            and connection.server.config.notifications
            and Capabilities.NOTIFICATIONS in connection.client_capabilities
        )

    def server_guid(self, connection: Connection) -> bytes:
        """ServerGuid, the same on every connection."""
        return connection.server.server_guid

    def max_transact_size(self, connection: Connection) -> int:
        """MaxTransactSize; 64 KiB without multi-credit."""
        return self._maximum(connection, connection.server.config.max_transact_size)

    def max_read_size(self, connection: Connection) -> int:
        """MaxReadSize; 64 KiB without multi-credit."""
        return self._maximum(connection, connection.server.config.max_read_size)

    def max_write_size(self, connection: Connection) -> int:
        """MaxWriteSize; 64 KiB without multi-credit."""
        return self._maximum(connection, connection.server.config.max_write_size)

    def _maximum(self, connection: Connection, configured: int) -> int:
        return configured if connection.supports_multi_credit else min(configured, _SMALL_MAXIMUM)

    def server_start_time(self, connection: Connection) -> int:
        """ServerStartTime: zero (SHOULD, 3.3.5.4)."""
        del connection
        return 0

    def system_time(self, connection: Connection, now: float) -> int:
        """SystemTime: the current time, as a FILETIME (3.3.5.4)."""
        del connection
        return to_filetime(now)

    def security_buffer(self, connection: Connection) -> bytes:
        """Buffer: a NegTokenInit2, or nothing where so configured (MAY, 3.3.5.4)."""
        return initial_token() if connection.server.config.negotiate_token else b""

    def count_without_contexts(self) -> int:
        """NegotiateContextCount/Reserved where the dialect is not 3.1.1: zero (SHOULD, 2.2.4)."""
        return 0

    def offset_without_contexts(self) -> int:
        """NegotiateContextOffset/Reserved2 where the dialect is not 3.1.1: zero (2.2.4)."""
        return 0

    # The contexts of 3.1.1: what is wrong with a list of them.

    def contexts_are_readable(self, request: Request) -> bool:
        """Whether offset, count and lengths lead to contexts; else INVALID_PARAMETER (3.3.5.2.6)."""
        return not any(finding.field in _LIST_FIELDS for finding in request.findings)

    def contexts_status(self, contexts: Sequence[NegotiateContext]) -> Status:
        """SUCCESS, or what a list fails with where a context is missing or repeated (3.3.5.4)."""
        if self.count(contexts, ContextType.PREAUTH_INTEGRITY_CAPABILITIES) != 1:
            return self.preauth_count_status(contexts)
        if any(self.count(contexts, kind) > 1 for kind in _ONCE):
            return self.duplicate_status()
        return Status.SUCCESS

    def refused_contexts_choose_nothing(self) -> bool:
        """Whether a NEGOTIATE that its contexts made fail leaves no dialect chosen (erratum 14)."""
        return True

    def count(self, contexts: Sequence[NegotiateContext], kind: ContextType) -> int:
        """How many contexts of a kind there are."""
        return sum(context.context_type == kind for context in contexts)

    def preauth_count_status(self, contexts: Sequence[NegotiateContext]) -> Status:
        """What a list without exactly one PREAUTH_INTEGRITY_CAPABILITIES fails with."""
        del contexts
        return Status.INVALID_PARAMETER

    def duplicate_status(self) -> Status:
        """What a list with two of a kind fails with."""
        return Status.INVALID_PARAMETER

    def context_of(self, contexts: Sequence[NegotiateContext], kind: ContextType) -> NegotiateContext | None:
        """The context of a kind that is processed: the first; unknown kinds are never asked for, hence
        ignored."""
        for context in contexts:
            if context.context_type == kind:
                return context
        return None

    def preauth_length_is_right(self, context: NegotiateContext) -> bool:
        """DataLength must hold the structure; else INVALID_PARAMETER."""
        return len(context.data) >= _MINIMUM_PREAUTH

    def preauth_hash(self, offered: PreauthIntegrityCapabilities) -> int | None:
        """PreauthIntegrityHashId: SHA-512 where offered; None fails with
        SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP."""
        return HashAlgorithm.SHA_512 if HashAlgorithm.SHA_512 in offered.hash_algorithms else None

    def preauth_answer(self, connection: Connection) -> PreauthIntegrityCapabilities | None:
        """The PREAUTH_INTEGRITY_CAPABILITIES of the answer: one algorithm, fresh salt."""
        return PreauthIntegrityCapabilities(
            hash_algorithms=[connection.preauth_integrity_hash_id], salt=connection.server.entropy(_SALT_SIZE)
        )

    def encryption_length_is_right(self, context: NegotiateContext) -> bool:
        """DataLength must hold the structure; else INVALID_PARAMETER."""
        return len(context.data) >= _MINIMUM_ENCRYPTION

    def encryption_context_is_processed(self, connection: Connection) -> bool:
        """ENCRYPTION_CAPABILITIES is ignored where IsEncryptionSupported is FALSE."""
        return connection.server.policies.encryption.is_supported(connection.server.config)

    def cipher(self, connection: Connection, offered: EncryptionCapabilities) -> int:
        """CipherId: the first of the server's ciphers that the client has, 0 where there is none."""
        for cipher in connection.server.config.ciphers:
            if cipher in offered.ciphers:
                return cipher
        return Cipher.NONE

    def encryption_answer(
        self, connection: Connection, received: NegotiateContext | None
    ) -> EncryptionCapabilities | None:
        """The ENCRYPTION_CAPABILITIES of the answer where the client sent one: one cipher, even where it is
        0."""
        if received is None or not self.encryption_context_is_processed(connection):
            return None
        return EncryptionCapabilities(ciphers=[connection.cipher_id])

    def signing_length_is_right(self, context: NegotiateContext) -> bool:
        """DataLength must hold the structure; else INVALID_PARAMETER."""
        return len(context.data) >= _MINIMUM_SIGNING

    def signing_context_is_processed(self, connection: Connection) -> bool:
        """SIGNING_CAPABILITIES is ignored where IsSigningCapabilitiesSupported is FALSE."""
        return bool(connection.server.config.signing_algorithms)

    def empty_signing_status(self) -> Status:
        """What SigningAlgorithmCount 0 fails with."""
        return Status.INVALID_PARAMETER

    def signing_algorithm(self, connection: Connection, offered: SigningCapabilities) -> int:
        """SigningAlgorithmId: the first of the server's that the client has, AES-CMAC where there is none."""
        for algorithm in connection.server.config.signing_algorithms:
            if algorithm in offered.signing_algorithms:
                return algorithm
        return SigningAlgorithm.AES_CMAC

    def signing_answer(
        self, connection: Connection, received: NegotiateContext | None
    ) -> SigningCapabilities | None:
        """The SIGNING_CAPABILITIES of the answer where the client sent one: one algorithm."""
        if received is None or not self.signing_context_is_processed(connection):
            return None
        return SigningCapabilities(signing_algorithms=[connection.signing_algorithm_id])

    def default_signing_algorithm(self, connection: Connection) -> int:
        """What signs where the client sent no SIGNING_CAPABILITIES: AES-CMAC."""
        del connection
        return SigningAlgorithm.AES_CMAC

    def compression_answer(
        self, connection: Connection, received: NegotiateContext | None
    ) -> CompressionCapabilities | None:
        """The COMPRESSION_CAPABILITIES of the answer: none, IsCompressionSupported is FALSE and the context
        ignored."""
        del connection, received
        return None

    def rdma_transform_answer(
        self, connection: Connection, received: NegotiateContext | None
    ) -> RdmaTransformCapabilities | None:
        """The RDMA_TRANSFORM_CAPABILITIES of the answer: none, IsRDMATransformSupported is FALSE and the
        context ignored."""
        del connection, received
        return None

    def transport_answer(
        self, connection: Connection, received: NegotiateContext | None
    ) -> TransportCapabilities | None:
        """The TRANSPORT_CAPABILITIES of the answer: none, IsTransportCapabilitiesSupported is FALSE and the
        context ignored."""
        del connection, received
        return None

    def server_capabilities_after(self, connection: Connection, answered: Capabilities) -> Capabilities:
        """Connection.ServerCapabilities: what was answered, and ENCRYPTION where 3.1.1 chose a cipher
        (3.3.5.4)."""
        if connection.is_311 and connection.cipher_id != Cipher.NONE:
            return answered | Capabilities.ENCRYPTION
        return answered
