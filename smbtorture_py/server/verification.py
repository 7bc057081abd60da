"""Verifying signature, session and tree connect of a request ([MS-SMB2] 3.3.5.2.4, .9, .11)."""

from __future__ import annotations

from smbtorture_py.server.request import Reply, Request
from smbtorture_py.server.session import SessionState
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.status import Status


def verify_signature(request: Request, now: float) -> Reply | None:
    """Check the signature, or that there may be none (3.3.5.2.4); a Reply where the request is refused."""
    connection = request.connection
    policy = connection.server.policies.signing
    # The decryption has authenticated the message already; whatever comes of it is sealed (3.3.4.1.4).
    if request.is_encrypted and policy.decryption_is_enough(request):
        encryption = connection.server.policies.encryption
        request.session = encryption.opening_session(connection, request.transform_session_id)
        status = encryption.inside_session_status(request)
        return None if status == Status.SUCCESS else Reply(status)
    if request.command == Command.NEGOTIATE:
        status = policy.signed_negotiate_status(request)
        return None if status == Status.SUCCESS else Reply(status)
    # The checks of 3.3.5.5 include the signature of a bind (erratum 7).
    if request.asks_to_bind:
        return None
    if policy.must_verify(request):
        session = policy.signing_session(request)
        if session is None:
            # Known elsewhere on this server: its key signs the refusal (3.3.4.1.1).
            request.session = connection.server.global_session_table.get(request.session_id)
            request.is_signed = request.session is not None
            return Reply(policy.session_not_found_status())
        key = policy.verification_key(request, session)
        if not key:
            if policy.missing_key_ends_connection(request):
                connection.disconnect(now)
            return Reply(policy.missing_key_status(request))
        if not policy.signature_is_right(request, key):
            if policy.bad_signature_ends_connection(request):
                connection.disconnect(now)
            if policy.bad_signature_answer_is_signed(request):
                request.is_signed, request.session = True, session
            return Reply(policy.bad_signature_status(request))
        request.is_signed = True
        request.signing_key = key
        request.session = session
        return None
    if policy.unsigned_is_refused(request):
        if policy.missing_signature_ends_connection(request):
            connection.disconnect(now)
        return Reply(policy.missing_signature_status(request))
    return None


def verify_session(request: Request, now: float) -> Reply | None:
    """Find the session and check its state and protection (3.3.5.2.9); a Reply where the request is
    refused."""
    connection = request.connection
    policies = connection.server.policies
    if policies.session.constrained_ends_connection(connection):
        connection.disconnect(now)
        return Reply(Status.ACCESS_DENIED)
    session = policies.session.find_session(request)
    if session is None:
        return Reply(policies.session.session_not_found_status())
    request.session = session
    status = Status.SUCCESS
    if session.state is SessionState.EXPIRED:
        status = policies.session.expired_status(request)
    elif session.state is SessionState.IN_PROGRESS:
        status = policies.session.in_progress_status(request)
    if status == Status.SUCCESS:
        status = policies.encryption.unencrypted_session_status(request, session)
    return None if status == Status.SUCCESS else Reply(status)


def verify_tree_connect(request: Request) -> Reply | None:
    """Find the tree connect and check its protection (3.3.5.2.11); a Reply where the request is refused."""
    policies = request.connection.server.policies
    session = request.require_session()
    tree = policies.tree.find_tree(request, session)
    if tree is None:
        return Reply(policies.tree.not_found_status())
    request.tree_connect = tree
    status = policies.encryption.unencrypted_tree_status(request, tree)
    return None if status == Status.SUCCESS else Reply(status)
