"""NEGOTIATE ([MS-SMB2] 3.3.5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.negotiate import Capabilities, NegotiateRequest, NegotiateResponse, SecurityMode
from smbtorture_py.wire.negotiate_contexts import (
    ContextType,
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Choose dialect, capabilities and contexts."""
    connection, policy = request.connection, server.policies.negotiate
    body = request.body
    if not isinstance(body, NegotiateRequest):
        return Reply(Status.INVALID_PARAMETER)
    if policy.second_negotiate_ends_connection(connection):
        connection.disconnect(now)
        return Reply(Status.INVALID_PARAMETER)
    status = policy.fields_status(body)
    if status != Status.SUCCESS:
        return Reply(status)
    connection.client_capabilities = body.capabilities
    connection.client_security_mode = body.security_mode
    connection.client_guid = bytes(body.client_guid)
    connection.should_sign = SecurityMode.SIGNING_REQUIRED in body.security_mode
    offered = policy.offered_dialects(request, body)
    if not offered:
        return Reply(policy.no_dialects_status())
    dialect = policy.common_dialect(connection, offered)
    if dialect is None:
        return Reply(policy.no_common_dialect_status())
    connection.client_dialects = [int(one) for one in offered]
    connection.dialect = dialect
    earlier, connection.negotiate_dialect = connection.negotiate_dialect, dialect
    connection.signing_algorithm_id = policy.default_signing_algorithm(connection)
    contexts: list[NegotiateContext] = []
    if connection.is_311:
        status = _process_contexts(request, body.negotiate_contexts)
        if status != Status.SUCCESS:
            if policy.refused_contexts_choose_nothing():
                connection.forget_negotiation(earlier)
            return Reply(status)
        contexts = _answer_contexts(connection, body.negotiate_contexts)
    connection.supports_multi_credit = policy.supports_multi_credit(connection, dialect)
    response = build_response(connection, dialect, now)
    if connection.is_311:
        response.negotiate_contexts = contexts
    else:
        response.negotiate_context_count = policy.count_without_contexts()
        response.negotiate_context_offset = policy.offset_without_contexts()
    connection.server_security_mode = response.security_mode
    connection.server_capabilities = policy.server_capabilities_after(connection, response.capabilities)
    connection.supports_notifications = Capabilities.NOTIFICATIONS in connection.server_capabilities
    return Reply(Status.SUCCESS, response, on_encoded=_hash_response(connection))


def build_response(connection: Connection, dialect: int, now: float) -> NegotiateResponse:
    """The fields that every NEGOTIATE response has (3.3.5.3.1, 3.3.5.3.2, 3.3.5.4); contexts apart."""
    policy = connection.server.policies.negotiate
    connection.max_transact_size = policy.max_transact_size(connection)
    connection.max_read_size = policy.max_read_size(connection)
    connection.max_write_size = policy.max_write_size(connection)
    connection.reader.max_length = connection.server.policies.message.maximum_frame(connection)
    return NegotiateResponse(
        structure_size=policy.structure_size(),
        security_mode=policy.security_mode(connection),
        dialect_revision=dialect,
        server_guid=policy.server_guid(connection),
        capabilities=policy.capabilities(connection, dialect),
        max_transact_size=connection.max_transact_size,
        max_read_size=connection.max_read_size,
        max_write_size=connection.max_write_size,
        system_time=policy.system_time(connection, now),
        server_start_time=policy.server_start_time(connection),
        security_buffer=policy.security_buffer(connection),
    )


def _hash_response(connection: Connection) -> Callable[[Sequence[Buffer]], None]:
    def take(parts: Sequence[Buffer]) -> None:
        if connection.preauth_integrity_hash is not None:
            connection.server.preauth_hasher.negotiate_response(connection.preauth_integrity_hash, parts)

    return take


def _process_contexts(request: Request, received: list[NegotiateContext]) -> Status:
    """Process the contexts of a 3.1.1 client."""
    connection, policy = request.connection, request.connection.server.policies.negotiate
    if not policy.contexts_are_readable(request):
        return Status.INVALID_PARAMETER
    status = policy.contexts_status(received)
    if status != Status.SUCCESS:
        return status
    # SMB2_PREAUTH_INTEGRITY_CAPABILITIES
    preauth = policy.context_of(received, ContextType.PREAUTH_INTEGRITY_CAPABILITIES)
    if preauth is not None:
        if not policy.preauth_length_is_right(preauth):
            return Status.INVALID_PARAMETER
        hash_id = policy.preauth_hash(PreauthIntegrityCapabilities.decode(preauth.data, []))
        if hash_id is None:
            return Status.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
        connection.preauth_integrity_hash_id = hash_id
    connection.preauth_integrity_hash = connection.server.preauth_hasher.start()
    connection.server.preauth_hasher.negotiate_request(connection.preauth_integrity_hash, request.raw)
    # SMB2_ENCRYPTION_CAPABILITIES
    encryption = policy.context_of(received, ContextType.ENCRYPTION_CAPABILITIES)
    if encryption is not None and policy.encryption_context_is_processed(connection):
        if not policy.encryption_length_is_right(encryption):
            return Status.INVALID_PARAMETER
        ciphers = EncryptionCapabilities.decode(encryption.data, [])
        connection.cipher_id = policy.cipher(connection, ciphers)
    # SMB2_COMPRESSION_CAPABILITIES, SMB2_RDMA_TRANSFORM_CAPABILITIES, SMB2_TRANSPORT_CAPABILITIES: ignored,
    # IsCompressionSupported, IsRDMATransformSupported and IsTransportCapabilitiesSupported are FALSE.
    # SMB2_SIGNING_CAPABILITIES
    signing = policy.context_of(received, ContextType.SIGNING_CAPABILITIES)
    if signing is not None and policy.signing_context_is_processed(connection):
        if not policy.signing_length_is_right(signing):
            return Status.INVALID_PARAMETER
        algorithms = SigningCapabilities.decode(signing.data, [])
        if not algorithms.signing_algorithms:
            return policy.empty_signing_status()
        connection.signing_algorithm_id = policy.signing_algorithm(connection, algorithms)
    return Status.SUCCESS


def _answer_contexts(connection: Connection, received: list[NegotiateContext]) -> list[NegotiateContext]:
    """Build the NegotiateContextList of a 3.1.1 response."""
    policy = connection.server.policies.negotiate
    answers = (
        policy.preauth_answer(connection),
        policy.encryption_answer(
            connection, policy.context_of(received, ContextType.ENCRYPTION_CAPABILITIES)
        ),
        policy.compression_answer(
            connection, policy.context_of(received, ContextType.COMPRESSION_CAPABILITIES)
        ),
        policy.rdma_transform_answer(
            connection, policy.context_of(received, ContextType.RDMA_TRANSFORM_CAPABILITIES)
        ),
        policy.signing_answer(connection, policy.context_of(received, ContextType.SIGNING_CAPABILITIES)),
        policy.transport_answer(connection, policy.context_of(received, ContextType.TRANSPORT_CAPABILITIES)),
    )
    return [answer.envelope() for answer in answers if answer is not None]
