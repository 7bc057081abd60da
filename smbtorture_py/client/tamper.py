"""The points at which a message on its way out can be changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smbtorture_py.wire.header import Header
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.transform import TransformHeader


@dataclass(slots=True, kw_only=True)
class Tamper:
    """What to change in one message, and where, in the order of the fields; a point left None changes
    nothing.

    Sign and encrypt go on as decided before: to leave them out, use the `sign` and `encrypt` arguments of
    `submit`.
    """

    header: Callable[[Header], None] | None = None
    """Before encoding: the header, all fields set, MessageId included, except Signature and NextCommand."""

    message: Callable[[Message], None] | None = None
    """Before encoding: the message; its body may be changed or replaced, its trailing bytes set."""

    unsigned: Callable[[bytearray], None] | None = None
    """After encoding, before signing: the whole message with its padding; in place, length changes
    included."""

    signing_key: bytes | None = None
    """Sign with this key instead of the right one."""

    signing_algorithm: SigningAlgorithm | None = None
    """Sign with this algorithm instead of the connection's."""

    signed: Callable[[bytearray], None] | None = None
    """After signing, before encryption: the whole message; in place, length changes included."""

    encryption_key: bytes | None = None
    """Encrypt with this key instead of Session.EncryptionKey."""

    nonce: bytes | None = None
    """Encrypt with this nonce (11 bytes for CCM, 12 for GCM) instead of a new one."""

    transform: Callable[[TransformHeader], None] | None = None
    """Before encryption: the TRANSFORM_HEADER, all fields set except Signature, which authenticates them."""

    encrypted: Callable[[bytearray], None] | None = None
    """After encryption: TRANSFORM_HEADER and what follows it; in place, length changes included."""

    frame: Callable[[bytes], Sequence[bytes]] | None = None
    """On the wire: the frame with its 4-byte transport header, replaced by what is returned: split,
    doubled, cut, none."""
