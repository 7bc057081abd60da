"""Defects of signing and encryption."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.signer import Signer
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.wire.header import Header
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.server.request import Request
    from smbtorture_py.server.tree_connect import TreeConnect
    from smbtorture_py.wire.codec import Buffer


@defect(
    "response-signature-wrong",
    replaces=Signer.sign,
    breaks=["SMB2-3.3.4.1.1-01"],
    origin="plausible: any mistake in what is signed shows like this",
)
def _response_signature_wrong(
    original: Callable[[SigningAlgorithm, bytes, Header, Sequence[Buffer]], bytes],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    parts: Sequence[Buffer],
) -> bytes:
    """Responses carry a signature with its first bit flipped."""
    del self
    signature = original(algorithm, key, header, parts)
    return bytes((signature[0] ^ 1,)) + signature[1:]


@defect(
    "plain-on-encrypted-share",
    replaces=EncryptionPolicy.unencrypted_tree_status,
    breaks=["SMB2-3.3.5.2.11-01"],
    origin="plausible: the share's setting only decides what the TREE_CONNECT response says",
)
def _plain_on_encrypted_share(
    original: Callable[[Request, TreeConnect], Status],
    self: EncryptionPolicy,
    request: Request,
    tree: TreeConnect,
) -> Status:
    """Requests that are not encrypted are served on an encrypted share."""
    del original, self, request, tree
    return Status.SUCCESS


@defect(
    "plain-answer-to-encrypted-request",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="plausible: sessions and shares are asked whether they encrypt, the request is not",
)
def _plain_answer_to_encrypted_request(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The answer to an encrypted request is encrypted only where session or share ask for it."""
    del self
    session, tree = request.session, request.tree_connect
    wanted = (session is not None and session.encrypt_data) or (tree is not None and tree.share.encrypt_data)
    return wanted and original(request)
