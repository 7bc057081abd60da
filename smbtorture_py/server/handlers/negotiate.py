"""NEGOTIATE ([MS-SMB2] 3.3.5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from smbtorture_py.auth.acceptor import initial_token
from smbtorture_py.server.limits import NEGOTIATE_DIALECT_NONE
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.negotiate import NegotiateRequest, NegotiateResponse, SecurityMode
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
    connection.client_capabilities = body.capabilities
    connection.client_security_mode = body.security_mode
    connection.client_guid = bytes(body.client_guid)
    connection.should_sign = SecurityMode.SIGNING_REQUIRED in body.security_mode
    if not body.dialects:
        return Reply(policy.no_dialects_status())
    dialect = policy.common_dialect(connection, body.dialects)
    if dialect is None:
        return Reply(policy.no_common_dialect_status())
    connection.client_dialects = [int(offered) for offered in body.dialects]
    connection.dialect = dialect
    connection.negotiate_dialect = dialect
    connection.signing_algorithm_id = policy.default_signing_algorithm(connection)
    contexts: list[NegotiateContext] = []
    if connection.is_311:
        status = _process_contexts(request, body.negotiate_contexts, contexts)
        if status != Status.SUCCESS:
            # The failed negotiation chose nothing: the client may try again.
            connection.dialect = None
            connection.negotiate_dialect = NEGOTIATE_DIALECT_NONE
            return Reply(status)
    connection.supports_multi_credit = policy.supports_multi_credit(connection, dialect)
    response = build_response(connection, dialect, now)
    response.negotiate_contexts = contexts
    connection.server_security_mode = response.security_mode
    connection.server_capabilities = policy.server_capabilities_after(connection, response.capabilities)
    return Reply(Status.SUCCESS, response, on_encoded=_hash_response(connection))


def build_response(connection: Connection, dialect: int, now: float) -> NegotiateResponse:
    """The fields that every NEGOTIATE response has (3.3.5.3.1, 3.3.5.3.2, 3.3.5.4); contexts apart."""
    policy = connection.server.policies.negotiate
    connection.max_transact_size = policy.max_transact_size(connection)
    connection.max_read_size = policy.max_read_size(connection)
    connection.max_write_size = policy.max_write_size(connection)
    connection.reader.max_length = connection.server.policies.message.maximum_frame(connection)
    return NegotiateResponse(
        security_mode=policy.security_mode(connection),
        dialect_revision=dialect,
        server_guid=policy.server_guid(connection),
        capabilities=policy.capabilities(connection, dialect),
        max_transact_size=connection.max_transact_size,
        max_read_size=connection.max_read_size,
        max_write_size=connection.max_write_size,
        system_time=to_filetime(now),
        server_start_time=policy.server_start_time(connection),
        security_buffer=initial_token() if connection.server.config.negotiate_token else b"",
    )


def _hash_response(connection: Connection) -> Callable[[Sequence[Buffer]], None]:
    def take(parts: Sequence[Buffer]) -> None:
        if connection.preauth_integrity_hash is not None:
            connection.server.preauth_hasher.negotiate_response(connection.preauth_integrity_hash, parts)

    return take


def _process_contexts(
    request: Request, received: list[NegotiateContext], answer: list[NegotiateContext]
) -> Status:
    """Process the contexts of a 3.1.1 client and collect those of the answer."""
    connection, policy = request.connection, request.connection.server.policies.negotiate
    if not policy.contexts_are_readable(request.findings):
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
    answered_preauth = policy.preauth_answer(connection)
    if answered_preauth is not None:
        answer.append(answered_preauth.envelope())
    # SMB2_ENCRYPTION_CAPABILITIES
    encryption = policy.context_of(received, ContextType.ENCRYPTION_CAPABILITIES)
    if encryption is not None and policy.encryption_context_is_processed(connection):
        if not policy.encryption_length_is_right(encryption):
            return Status.INVALID_PARAMETER
        ciphers = EncryptionCapabilities.decode(encryption.data, [])
        connection.cipher_id = policy.cipher(connection, ciphers)
        answered_cipher = policy.encryption_answer(connection, ciphers)
        if answered_cipher is not None:
            answer.append(answered_cipher.envelope())
    # SMB2_COMPRESSION_CAPABILITIES
    compression = policy.context_of(received, ContextType.COMPRESSION_CAPABILITIES)
    if compression is not None:
        answered_compression = policy.compression_answer(connection, compression)
        if answered_compression is not None:
            answer.append(answered_compression.envelope())
    # SMB2_SIGNING_CAPABILITIES
    signing = policy.context_of(received, ContextType.SIGNING_CAPABILITIES)
    if signing is not None and policy.signing_context_is_processed(connection):
        if not policy.signing_length_is_right(signing):
            return Status.INVALID_PARAMETER
        algorithms = SigningCapabilities.decode(signing.data, [])
        if not algorithms.signing_algorithms:
            return policy.empty_signing_status()
        connection.signing_algorithm_id = policy.signing_algorithm(connection, algorithms)
        answered_signing = policy.signing_answer(connection, algorithms)
        if answered_signing is not None:
            answer.append(answered_signing.envelope())
    return Status.SUCCESS
