"""Signatures against RFC 4493, GCM, Microsoft's multichannel sample and a joined message."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import random

import pytest

from smbtorture_py.crypto.signing import (
    compute_signature,
    gmac_nonce,
    signature_of,
    signing_algorithm_of,
    verify_signature,
)
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm

SESSION_SIGNING_KEY = bytes.fromhex("73FE7A9A77BEF0BDE49C650D8CCB5F76")
CHANNEL_SIGNING_KEY = bytes.fromhex("C962BCA1A9DD1697B030644199705431")
FINAL_RESPONSE = bytes.fromhex(
    "FE534D4240000100000000000100800009000000000000000300000000000000FFFE000000000000"
    "1900000000100000EBE146DA120BA25FC3376A49DFE31BC10900000048001D00A11B3019A0030A01"
    "00A3120410010000003B453CDC3524164200000000"
)
BIND_FIRST_REQUEST = bytes.fromhex(
    "FE534D4240000100000000000100800008000000000000000200000000000000FFFE000000000000"
    "190000000010000068BD0C58F613CE1334B1EB51C68D39EA19000101010000000000000058004A00"
    "0000000000000000604806062B0601050502A03E303CA00E300C060A2B06010401823702020AA22A"
    "04284E544C4D5353500001000000978208E200000000000000000000000000000000060380250000"
    "000F"
)
BIND_FINAL_RESPONSE = bytes.fromhex(
    "FE534D4240000100000000000100800009000000000000000300000000000000FFFE000000000000"
    "19000000001000008D604217FFBACF40635BF9D8729921500900000048001D00A11B3019A0030A01"
    "00A312041001000000CFB046FC5D368E2200000000"
)


@pytest.mark.parametrize(
    ("message", "key", "is_server"),
    [
        (FINAL_RESPONSE, SESSION_SIGNING_KEY, True),
        (BIND_FIRST_REQUEST, SESSION_SIGNING_KEY, False),
        (BIND_FINAL_RESPONSE, CHANNEL_SIGNING_KEY, True),
    ],
)
def test_published_signatures(message: bytes, key: bytes, is_server: bool) -> None:
    """A bind is signed with the session's key, its final response with the new channel's."""
    arguments = {"message_id": 3, "is_server": is_server, "is_cancel": False}
    assert verify_signature(SigningAlgorithm.AES_CMAC, key, [message], **arguments)
    wrong = CHANNEL_SIGNING_KEY if key == SESSION_SIGNING_KEY else SESSION_SIGNING_KEY
    assert not verify_signature(SigningAlgorithm.AES_CMAC, wrong, [message], **arguments)


def _message(rng: random.Random, size: int) -> bytes:
    return b"\xfeSMB" + rng.randbytes(size - 4)


def _reference(algorithm: SigningAlgorithm, key: bytes, message: bytes, nonce: bytes) -> bytes:
    zeroed = message[:48] + bytes(16) + message[64:]
    if algorithm is SigningAlgorithm.HMAC_SHA256:
        return hmac.new(key, zeroed, hashlib.sha256).digest()[:16]
    from Cryptodome.Cipher import AES
    from Cryptodome.Hash import CMAC

    if algorithm is SigningAlgorithm.AES_GMAC:
        return bytes(AES.new(key, AES.MODE_GCM, nonce=nonce).update(zeroed).digest())
    return bytes(CMAC.new(key, zeroed, ciphermod=AES).digest())


@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
@pytest.mark.parametrize("size", [64, 65, 80, 128, 1024, 1025, 5000])
def test_parts_sign_like_the_joined_message(algorithm: SigningAlgorithm, size: int) -> None:
    rng = random.Random(size)
    key, message = rng.randbytes(16), _message(rng, size)
    expected = _reference(algorithm, key, message, gmac_nonce(7, is_server=True, is_cancel=False))
    cuts = [[], [64], [48, 64], [50], [10, 49, 55, 63], [48], [size // 2]]
    for cut in cuts:
        edges = [0, *cut, size]
        parts = [memoryview(message)[a:b] for a, b in itertools.pairwise(edges)]
        got = compute_signature(algorithm, key, parts, message_id=7, is_server=True, is_cancel=False)
        assert got == expected, cut
        assert signature_of(parts) == message[48:64], cut


@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
def test_verify_sees_every_changed_byte(algorithm: SigningAlgorithm) -> None:
    rng = random.Random(1)
    key, message = rng.randbytes(16), bytearray(_message(rng, 100))
    arguments = {"message_id": 1, "is_server": False, "is_cancel": False}
    message[48:64] = compute_signature(algorithm, key, [message], **arguments)
    assert verify_signature(algorithm, key, [message], **arguments)
    for position in range(len(message)):
        message[position] ^= 1
        assert not verify_signature(algorithm, key, [message], **arguments), position
        message[position] ^= 1


@pytest.mark.parametrize(
    ("data", "tag"),
    [
        ("", "bb1d6929e95937287fa37d129b756746"),
        ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"),
        (
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
            "dfa66747de9ae63030ca32611497c827",
        ),
    ],
)
def test_cmac_of_rfc_4493(data: str, tag: str) -> None:
    """Messages shorter than the signature field are signed as they are."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    got = compute_signature(
        SigningAlgorithm.AES_CMAC, key, [bytes.fromhex(data)], message_id=0, is_server=False, is_cancel=False
    )
    assert got.hex() == tag


def test_gmac_nonce() -> None:
    assert (
        gmac_nonce(0x1122334455667788, is_server=False, is_cancel=False).hex() == "887766554433221100000000"
    )
    assert gmac_nonce(1, is_server=True, is_cancel=False).hex() == "010000000000000001000000"
    assert gmac_nonce(1, is_server=False, is_cancel=True).hex() == "010000000000000002000000"


def test_gmac_depends_on_role_cancel_and_message_id() -> None:
    message, key = bytes(64), bytes(16)
    seen = {
        compute_signature(
            SigningAlgorithm.AES_GMAC, key, [message], message_id=m, is_server=server, is_cancel=cancel
        )
        for m in (0, 1)
        for server in (False, True)
        for cancel in (False, True)
    }
    assert len(seen) == 8


def test_signing_algorithm_of() -> None:
    assert signing_algorithm_of(Dialect.SMB_2_1, SigningAlgorithm.AES_GMAC) is SigningAlgorithm.HMAC_SHA256
    assert signing_algorithm_of(Dialect.SMB_3_0_2, SigningAlgorithm.AES_GMAC) is SigningAlgorithm.AES_CMAC
    assert signing_algorithm_of(Dialect.SMB_3_1_1, None) is SigningAlgorithm.AES_CMAC
    assert (
        signing_algorithm_of(Dialect.SMB_3_1_1, SigningAlgorithm.HMAC_SHA256) is SigningAlgorithm.HMAC_SHA256
    )


@pytest.mark.parametrize("algorithm", [SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC])
@pytest.mark.parametrize("size", [0, 15, 17, 24, 32])
def test_a_key_of_another_size_is_refused(algorithm: SigningAlgorithm, size: int) -> None:
    """AES itself would take 24 and 32 bytes."""
    with pytest.raises(ValueError, match=r"AES-128|[Ii]nvalid key size"):
        compute_signature(algorithm, bytes(size), [bytes(64)], message_id=0, is_server=False, is_cancel=False)


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match="0x9"):
        compute_signature(9, bytes(16), [bytes(64)], message_id=0, is_server=False, is_cancel=False)
