"""From a request to bytes on the wire ([MS-SMB2] 3.2.4.1): MessageId, credits, signature, encryption, frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.crypto.encryption import FLAG_ENCRYPTED, Encryptor, nonce_size
from smbtorture_py.crypto.signing import compute_signature
from smbtorture_py.wire.codec import AUTO, Buffer
from smbtorture_py.wire.framing import encode_frame_header
from smbtorture_py.wire.header import SIGNATURE_OFFSET, SIGNATURE_SIZE, Command, Header, HeaderFlags
from smbtorture_py.wire.message import Message

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection, Submission

PAYLOAD_OF_ONE_CREDIT: Final = 65536
