"""Defects of negotiate contexts and of the hash over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.preauth_hasher import PreauthHasher
from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.wire.codec import HEADER_SIZE, align
from smbtorture_py.wire.negotiate import NegotiateRequest
from smbtorture_py.wire.negotiate_contexts import (
    CompressionAlgorithm,
    CompressionCapabilities,
    CompressionCapabilitiesFlags,
    ContextType,
    EncryptionCapabilities,
    HashAlgorithm,
    PreauthIntegrityCapabilities,
    RdmaTransformCapabilities,
    RdmaTransformId,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.crypto.preauth import PreauthIntegrityHash
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.codec import Buffer
    from smbtorture_py.wire.negotiate_contexts import NegotiateContext

_ALIGNMENT: Final = 8
_USUAL_OFFSET: Final = 208
_SHORTEST: Final = 4
_USUAL_SALT: Final = 32
_LONG_NAME: Final = 1000
_MESSAGE_ID_AT: Final = 24
_MESSAGE_ID_SIZE: Final = 8
_KNOWN_TYPES: Final = frozenset(ContextType) - {ContextType.CONTEXTTYPE_RESERVED}
_IGNORED_LISTS: Final = (ContextType.COMPRESSION_CAPABILITIES, ContextType.RDMA_TRANSFORM_CAPABILITIES)


defect(
    "context-offset-on-older-dialects",
    replaces=NegotiatePolicy.offset_without_contexts,
    breaks=["SMB2-3.3.5.4-22"],
    origin="plausible: the field is filled for every dialect",
).always(_USUAL_OFFSET, "NegotiateContextOffset is told on older dialects than 3.1.1, too.")


defect(
    "context-count-on-older-dialects",
    replaces=NegotiatePolicy.count_without_contexts,
    breaks=["SMB2-3.3.5.4-58"],
    origin="Windows: note 25",
).always(1, "NegotiateContextCount of older dialects than 3.1.1 is anything.")


@defect(
    "unknown-compression-refused",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-3.3.5.4-62"],
    origin="plausible: a context that is ignored is checked all the same",
)
def _unknown_compression_refused(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """Unknown compression algorithms fail the request on a server that ignores them."""
    for context in contexts:
        if context.context_type == ContextType.COMPRESSION_CAPABILITIES:
            offered = CompressionCapabilities.decode(context.data, []).compression_algorithms
            if offered and not set(offered) & set(CompressionAlgorithm):
                return Status.INVALID_PARAMETER
    return original(contexts)


defect(
    "preauth-not-missed",
    replaces=NegotiatePolicy.preauth_count_status,
    breaks=["SMB2-3.3.5.4-24", "SMB2-3.3.5.4-25"],
    origin="plausible: the loop over the contexts takes what is there",
).always(Status.SUCCESS, "PREAUTH_INTEGRITY_CAPABILITIES may be missing, or be there twice.")


defect(
    "repeated-context-accepted",
    replaces=NegotiatePolicy.duplicate_status,
    breaks=["SMB2-3.3.5.4-31", "SMB2-3.3.5.4-37", "SMB2-3.3.5.4-42", "SMB2-3.3.5.4-45"],
    origin="Samba: the first of several contexts counts, the others are not noticed",
).always(Status.SUCCESS, "Contexts that may be there once may be there twice.")


@defect(
    "context-order-fixed",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-2.2.3.1-01"],
    origin="plausible: Windows always sends PREAUTH_INTEGRITY_CAPABILITIES first",
)
def _context_order_fixed(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """The first context has to be PREAUTH_INTEGRITY_CAPABILITIES."""
    in_front = contexts and contexts[0].context_type == ContextType.PREAUTH_INTEGRITY_CAPABILITIES
    return original(contexts) if in_front else Status.INVALID_PARAMETER


@defect(
    "context-reserved-checked",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-2.2.3.1-02"],
    origin="plausible: strictness where the text asks for none",
)
def _context_reserved_checked(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """A context whose Reserved field is not zero fails the request."""
    if any(context.reserved for context in contexts):
        return Status.INVALID_PARAMETER
    return original(contexts)


@defect(
    "unknown-context-refused",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-2.2.3.1-03"],
    origin="plausible: a switch over the types whose default is an error",
)
def _unknown_context_refused(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """A context of an unknown type fails the request."""
    if any(context.context_type not in _KNOWN_TYPES for context in contexts):
        return Status.INVALID_PARAMETER
    return original(contexts)


@defect(
    "netname-checked",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-3.3.5.4-54"],
    origin="plausible: the name is taken for a virtual host",
)
def _netname_checked(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """A NETNAME that is not the server's fails the request."""
    for context in contexts:
        if (
            context.context_type == ContextType.NETNAME_NEGOTIATE_CONTEXT_ID
            and len(context.data) > _LONG_NAME
        ):
            return Status.INVALID_PARAMETER
    return original(contexts)


@defect(
    "empty-compression-refused",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-3.3.5.4-62"],
    origin="plausible: a context that is ignored is checked all the same",
)
def _empty_compression_refused(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """Malformed lists of compression algorithms and transforms fail on a server that ignores them."""
    for context in contexts:
        if context.context_type in _IGNORED_LISTS and not any(context.data[:2]):
            return Status.INVALID_PARAMETER
    return original(contexts)


@defect(
    "context-list-place-fixed",
    replaces=NegotiatePolicy.contexts_are_readable,
    breaks=["SMB2-2.2.3.1-05"],
    origin="Samba: NegotiateContextOffset has to be the one that it computes itself",
)
def _context_list_place_fixed(
    original: Callable[[Request], bool], self: NegotiatePolicy, request: Request
) -> bool:
    """The context list has to follow the dialects at once."""
    body = request.body
    if not isinstance(body, NegotiateRequest):
        return original(request)
    end = HEADER_SIZE + body.STRUCTURE_SIZE + 2 * len(body.dialects)
    return body.negotiate_context_offset == align(end, _ALIGNMENT) and original(request)


defect(
    "context-list-unchecked",
    replaces=NegotiatePolicy.contexts_are_readable,
    breaks=["SMB2-2.2.3.1-04", "SMB2-2.2.3.1-07"],
    origin="plausible: what is there is read, what is not is not missed",
).always(True, "A context list that goes beyond the message is read as far as it goes.")


@defect(
    "short-context-ignored",
    replaces=NegotiatePolicy.context_of,
    breaks=["SMB2-3.3.5.4-32", "SMB2-3.3.5.4-46"],
    origin="ksmbd: ENCRYPTION and SIGNING_CAPABILITIES that are too short are ignored",
)
def _short_context_ignored(
    original: Callable[[Sequence[NegotiateContext], ContextType], NegotiateContext | None],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
    kind: ContextType,
) -> NegotiateContext | None:
    """Contexts that are too short are ignored."""
    found = original(contexts, kind)
    return found if found is not None and len(found.data) >= _SHORTEST else None


defect(
    "preauth-short-accepted",
    replaces=NegotiatePolicy.preauth_length_is_right,
    breaks=["SMB2-3.3.5.4-26"],
    origin="plausible: the length is left to the parser of the list",
).always(True, "PREAUTH_INTEGRITY_CAPABILITIES that are too short are no reason to fail as such.")


@defect(
    "salt-of-32-bytes",
    replaces=NegotiatePolicy.preauth_length_is_right,
    breaks=["SMB2-3.3.5.4-29"],
    origin="plausible: Windows sends 32 bytes of salt",
)
def _salt_of_32_bytes(
    original: Callable[[NegotiateContext], bool], self: NegotiatePolicy, context: NegotiateContext
) -> bool:
    """Only a salt of 32 bytes is accepted."""
    return PreauthIntegrityCapabilities.decode(context.data, []).salt_length == _USUAL_SALT


defect(
    "hash-overlap-not-needed",
    replaces=NegotiatePolicy.preauth_hash,
    breaks=["SMB2-3.3.5.4-28", "SMB2-3.3.5.4-27"],
    origin="plausible: there is only one hash algorithm anyway",
).always(HashAlgorithm.SHA_512, "SHA-512 is used whatever the client offers.")


@defect(
    "hash-first-only",
    replaces=NegotiatePolicy.preauth_hash,
    breaks=["SMB2-3.3.5.4-61"],
    origin="plausible: clients offer one hash algorithm",
)
def _hash_first_only(
    original: Callable[[PreauthIntegrityCapabilities], int | None],
    self: NegotiatePolicy,
    offered: PreauthIntegrityCapabilities,
) -> int | None:
    """Only the first hash algorithm of the client is looked at."""
    return HashAlgorithm.SHA_512 if offered.hash_algorithms[:1] == [HashAlgorithm.SHA_512] else None


@defect(
    "salt-repeated",
    replaces=NegotiatePolicy.preauth_answer,
    breaks=["SMB2-3.3.5.4-30"],
    origin="plausible: the salt is made when the server starts",
)
def _salt_repeated(
    original: Callable[[Connection], PreauthIntegrityCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
) -> PreauthIntegrityCapabilities | None:
    """Every response has the same salt."""
    return PreauthIntegrityCapabilities([HashAlgorithm.SHA_512], bytes(_USUAL_SALT))


@defect(
    "cipher-preferred-by-client",
    replaces=NegotiatePolicy.cipher,
    breaks=["SMB2-3.3.5.4-34", "SMB2-3.3.5.4-33"],
    origin="plausible: the preference of the client is taken without a look",
)
def _cipher_preferred_by_client(
    original: Callable[[Connection, EncryptionCapabilities], int],
    self: NegotiatePolicy,
    connection: Connection,
    offered: EncryptionCapabilities,
) -> int:
    """The client's first cipher is chosen, known or not."""
    return offered.ciphers[0]


@defect(
    "cipher-list-answered",
    replaces=NegotiatePolicy.encryption_answer,
    breaks=["SMB2-3.3.5.4-34"],
    origin="plausible: the response says what is common, as with compression",
)
def _cipher_list_answered(
    original: Callable[[Connection, NegotiateContext | None], EncryptionCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> EncryptionCapabilities | None:
    """The response lists every cipher of the server."""
    return None if received is None else EncryptionCapabilities(list(connection.server.config.ciphers))


@defect(
    "cipher-zero-not-told",
    replaces=NegotiatePolicy.encryption_answer,
    breaks=["SMB2-3.3.5.4-33"],
    origin="ksmbd: no context where no cipher is common",
)
def _cipher_zero_not_told(
    original: Callable[[Connection, NegotiateContext | None], EncryptionCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> EncryptionCapabilities | None:
    """Where no cipher is common there is no ENCRYPTION_CAPABILITIES in the response."""
    return original(connection, received) if connection.cipher_id else None


@defect(
    "cipher-told-unasked",
    replaces=NegotiatePolicy.encryption_answer,
    breaks=["SMB2-3.3.5.4-36", "SMB2-3.3.5.4-55"],
    origin="plausible: the response is built from a template",
)
def _cipher_told_unasked(
    original: Callable[[Connection, NegotiateContext | None], EncryptionCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> EncryptionCapabilities | None:
    """ENCRYPTION_CAPABILITIES are in every response."""
    return EncryptionCapabilities([connection.cipher_id])


defect(
    "signing-list-empty-accepted",
    replaces=NegotiatePolicy.empty_signing_status,
    breaks=["SMB2-3.3.5.4-46"],
    origin="ksmbd: the context is ignored",
).always(Status.SUCCESS, "SigningAlgorithmCount 0 means AES-CMAC.")


@defect(
    "signing-fallback-not-told",
    replaces=NegotiatePolicy.signing_answer,
    breaks=["SMB2-3.3.5.4-48"],
    origin="Samba: no SIGNING_CAPABILITIES in the response where no algorithm is common",
)
def _signing_fallback_not_told(
    original: Callable[[Connection, NegotiateContext | None], SigningCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> SigningCapabilities | None:
    """Where no signing algorithm is common the response does not say that AES-CMAC is used."""
    offered = [] if received is None else SigningCapabilities.decode(received.data, []).signing_algorithms
    return original(connection, received) if connection.signing_algorithm_id in offered else None


@defect(
    "signing-told-unasked",
    replaces=NegotiatePolicy.signing_answer,
    breaks=["SMB2-3.3.5.4-49", "SMB2-3.3.5.4-55"],
    origin="plausible: the response is built from a template",
)
def _signing_told_unasked(
    original: Callable[[Connection, NegotiateContext | None], SigningCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> SigningCapabilities | None:
    """SIGNING_CAPABILITIES are in every response."""
    return SigningCapabilities([connection.signing_algorithm_id])


defect(
    "signing-gmac-always",
    replaces=NegotiatePolicy.signing_algorithm,
    breaks=["SMB2-3.3.5.4-47", "SMB2-3.3.5.4-48"],
    origin="plausible: the best algorithm is taken for granted",
).always(SigningAlgorithm.AES_GMAC, "AES-GMAC is chosen whatever the client offers.")


@defect(
    "signing-gmac-by-default",
    replaces=NegotiatePolicy.default_signing_algorithm,
    breaks=["SMB2-3.3.5.4-49"],
    origin="plausible: the default is the best and not the oldest algorithm",
)
def _signing_gmac_by_default(
    original: Callable[[Connection], int], self: NegotiatePolicy, connection: Connection
) -> int:
    """A client without SIGNING_CAPABILITIES is answered with AES-GMAC signatures on 3.1.1."""
    return SigningAlgorithm.AES_GMAC if connection.is_311 else original(connection)


@defect(
    "compression-own-list",
    replaces=NegotiatePolicy.compression_answer,
    breaks=["SMB2-3.3.5.4-39", "SMB2-3.3.5.4-40"],
    origin="plausible: the response says what the server can do",
)
def _compression_own_list(
    original: Callable[[Connection, NegotiateContext | None], CompressionCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> CompressionCapabilities | None:
    """COMPRESSION_CAPABILITIES of the response list what the client did not offer."""
    return (
        None
        if received is None
        else CompressionCapabilities([CompressionAlgorithm.LZ4, CompressionAlgorithm.LZ77])
    )


@defect(
    "compression-malformed-answered",
    replaces=NegotiatePolicy.compression_answer,
    breaks=["SMB2-3.3.5.4-38"],
    origin="plausible: a server that compresses looks for an algorithm it knows, and at nothing else",
)
def _compression_malformed_answered(
    original: Callable[[Connection, NegotiateContext | None], CompressionCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> CompressionCapabilities | None:
    """Compression is negotiated, whatever COMPRESSION_CAPABILITIES hold."""
    return None if received is None else CompressionCapabilities([CompressionAlgorithm.LZ77])


@defect(
    "compression-chained-unasked",
    replaces=NegotiatePolicy.compression_answer,
    breaks=["SMB2-3.3.5.4-41"],
    origin="plausible: the flag says what the server can do",
)
def _compression_chained_unasked(
    original: Callable[[Connection, NegotiateContext | None], CompressionCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> CompressionCapabilities | None:
    """COMPRESSION_CAPABILITIES of the response have the flag CHAINED, which the client did not set."""
    if received is None:
        return None
    return CompressionCapabilities([CompressionAlgorithm.LZ77], CompressionCapabilitiesFlags.CHAINED)


@defect(
    "rdma-transforms-own-list",
    replaces=NegotiatePolicy.rdma_transform_answer,
    breaks=["SMB2-3.3.5.4-43", "SMB2-3.3.5.4-44"],
    origin="plausible: the response says what the server can do",
)
def _rdma_transforms_own_list(
    original: Callable[[Connection, NegotiateContext | None], RdmaTransformCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> RdmaTransformCapabilities | None:
    """RDMA_TRANSFORM_CAPABILITIES of the response list what the client did not offer."""
    return (
        None
        if received is None
        else RdmaTransformCapabilities([RdmaTransformId.NONE, RdmaTransformId.SIGNING])
    )


@defect(
    "transport-security-on-tcp",
    replaces=NegotiatePolicy.transport_answer,
    breaks=["SMB2-3.3.5.4-52"],
    origin="plausible: the flag is answered without a look at the transport",
)
def _transport_security_on_tcp(
    original: Callable[[Connection, NegotiateContext | None], TransportCapabilities | None],
    self: NegotiatePolicy,
    connection: Connection,
    received: NegotiateContext | None,
) -> TransportCapabilities | None:
    """ACCEPT_TRANSPORT_LEVEL_SECURITY is agreed to over TCP."""
    return None if received is None else TransportCapabilities.decode(received.data, [])


@defect(
    "transport-length-misjudged",
    replaces=NegotiatePolicy.contexts_status,
    breaks=["SMB2-3.3.5.4-51"],
    origin="plausible: another status for the same mistake",
)
def _transport_length_misjudged(
    original: Callable[[Sequence[NegotiateContext]], Status],
    self: NegotiatePolicy,
    contexts: Sequence[NegotiateContext],
) -> Status:
    """TRANSPORT_CAPABILITIES that are too short fail with NOT_SUPPORTED."""
    short = any(
        context.context_type == ContextType.TRANSPORT_CAPABILITIES and len(context.data) < _SHORTEST
        for context in contexts
    )
    return Status.NOT_SUPPORTED if short else original(contexts)


@defect(
    "hash-not-restarted",
    replaces=PreauthHasher.negotiate_request,
    breaks=["SMB2-3.3.5.4-56", "SMB2-3.3.5.4-57"],
    origin="plausible: the hash goes on from what came before",
)
def _hash_not_restarted(
    original: Callable[[PreauthIntegrityHash, Buffer], None],
    self: PreauthHasher,
    value: PreauthIntegrityHash,
    message: Buffer,
) -> None:
    """A NEGOTIATE that is not the first message is hashed on top of something else than zeros."""
    if any(message[_MESSAGE_ID_AT : _MESSAGE_ID_AT + _MESSAGE_ID_SIZE]):
        value.update(bytes(HEADER_SIZE))
    original(value, message)


@defect(
    "hash-without-trailing-bytes",
    replaces=PreauthHasher.negotiate_request,
    breaks=["SMB2-3.3.5.4-56"],
    origin="plausible: the request is encoded again instead of being kept",
)
def _hash_without_trailing_bytes(
    original: Callable[[PreauthIntegrityHash, Buffer], None],
    self: PreauthHasher,
    value: PreauthIntegrityHash,
    message: Buffer,
) -> None:
    """Zero bytes at the end of a NEGOTIATE request are not hashed."""
    original(value, bytes(message).rstrip(b"\0"))


@defect(
    "hash-of-padded-request",
    replaces=PreauthHasher.negotiate_request,
    breaks=["SMB2-3.3.5.4-56"],
    origin="plausible: the buffer is aligned, and the whole of it is hashed",
)
def _hash_of_padded_request(
    original: Callable[[PreauthIntegrityHash, Buffer], None],
    self: PreauthHasher,
    value: PreauthIntegrityHash,
    message: Buffer,
) -> None:
    """The NEGOTIATE request is padded to a multiple of eight bytes before it is hashed."""
    original(value, bytes(message) + bytes(align(len(message), _ALIGNMENT) - len(message)))
