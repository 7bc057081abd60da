"""Signer: makes and checks the signatures of one server ([MS-SMB2] 3.1.4.1, 3.1.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from smbtorture_py.crypto.signing import compute_signature, signing_algorithm_of, verify_signature
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.header import Command, Header
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection


class Signer:
    """Signs responses and verifies requests with the algorithm of the connection they travel on."""

    def algorithm(self, connection: Connection) -> SigningAlgorithm:
        """The algorithm: HMAC-SHA256 before 3.0, Connection.SigningAlgorithmId with 3.1.1, else AES-CMAC
        (3.1.4.1)."""
        if connection.dialect is None:
            return SigningAlgorithm.HMAC_SHA256
        return signing_algorithm_of(connection.dialect, SigningAlgorithm(connection.signing_algorithm_id))

    def sign(self, algorithm: SigningAlgorithm, key: bytes, header: Header, parts: Sequence[Buffer]) -> bytes:
        """The 16 bytes of Signature for an outgoing message whose encoded parts are given, padding
        included."""
        return compute_signature(
            algorithm, key, parts,
            message_id=header.message_id, is_server=True, is_cancel=False,
        )  # fmt: skip

    def verify(self, algorithm: SigningAlgorithm, key: bytes, header: Header, message: Buffer) -> bool:
        """Tell whether the signature of a received message is right (3.1.5.1)."""
        return verify_signature(
            algorithm, key, (message,),
            message_id=header.message_id, is_server=False, is_cancel=header.command == Command.CANCEL,
        )  # fmt: skip
