"""Sealed messages against Microsoft's published samples and the library's one-shot ciphers."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from smbtorture_py.crypto.encryption import Decryptor, Encryptor, key_size, nonce_size
from smbtorture_py.wire.negotiate_contexts import Cipher

CIPHERS = [cipher for cipher in Cipher if cipher is not Cipher.NONE]


def _hex(*lines: str) -> bytes:
    return bytes.fromhex("".join(lines))


CCM_PLAIN = _hex(
    "FE534D4240000100000000000900400008000000000000000400000000000000",
    "FFFE0000010000001100001400E4080000000000000000000000000000000000",
    "3100700017000000000000000000000015010000390000020100000039020000",
    "00000000000000007000000000000000536D623320656E6372797074696F6E20",
    "74657374696E67",
)
CCM_SEALED = _hex(
    "FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A",
    "744DA3EE87000000000001001100001400E4080025C8FEE16605A437832D1CD5",
    "2DA9F4645333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A4",
    "4C29BE5658DE2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5",
    "AA1DB43050B33B49182637759AC15D84BFCDF5B6B238993C0F4CF4D6012023F6",
    "C627297075D84B7803912D0A9639634453595EF3E33FFE4E7AC2AB",
)
GCM_PLAIN = _hex(
    "FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000",
    "25000000001000000000000000000000000000000000000031007000170000000000000000000000",
    "0600000004000000010000000400000000000000000000007000000000000000536D623320656E63",
    "72797074696F6E2074657374696E67",
)
GCM_SEALED = _hex(
    "FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000000087000000",
    "0000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02",
    "D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB4",
    "4576545567C24D4C014D47C9FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E9",
    "1AF013F00D17E3ABC2FC3D36C8C1B6B93973253852DBD442E46EE8",
)


@pytest.mark.parametrize(
    ("cipher", "key", "nonce", "session_id", "plain", "sealed"),
    [
        (
            Cipher.AES_128_CCM, "261B72350558F2E9DCF613070383EDBF", "66E69A111892584FB5ED524A744DA3EE",
            0x8E40014000011, CCM_PLAIN, CCM_SEALED,
        ),
        (
            Cipher.AES_128_GCM, "A2F5E80E5D59103034F32E52F698E5EC", "C7D6822D269CAF48904C664C",
            0x100000000025, GCM_PLAIN, GCM_SEALED,
        ),
    ],
    ids=["ccm-3.0", "gcm-3.1.1"],
)  # fmt: skip
def test_published_samples(
    cipher: Cipher, key: str, nonce: str, session_id: int, plain: bytes, sealed: bytes
) -> None:
    secret = bytes.fromhex(key)
    parts = [plain[:64], memoryview(plain)[64:112], bytearray(plain[112:])]
    assert Encryptor(cipher, secret).seal(parts, session_id, bytes.fromhex(nonce)) == sealed
    assert Decryptor(cipher, secret).open(sealed) == plain


def test_published_response() -> None:
    sealed = _hex(
        "FD534D42A6015530A18F6D9AFFE22AFAE8E66484860000000000000011000014",
        "00E4080050000000000001001100001400E40800DBF46435C5F14169293CE079",
        "E344479BF670227E49873F458672C3098DAC467DD5809F369D67409166515787",
        "1483E01F7BECD02064EAC3E235F913668BBC2F097980D4B378F1993EFF6E60D1",
        "77309E5B",
    )
    opened = Decryptor(Cipher.AES_128_CCM, bytes.fromhex("8FE2B57EC34D2DB5B1A9727F526BBDB5")).open(sealed)
    assert opened is not None
    assert bytes(opened[:4]) == b"\xfeSMB"
    assert len(opened) == 80


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("size", [0, 1, 64, 65537, 1 << 20])
def test_seal_is_the_one_shot_cipher(cipher: Cipher, size: int) -> None:
    """Encrypting in the buffer itself gives what the library gives for separate buffers."""
    rng = random.Random(size * 10 + cipher)
    key, plain = rng.randbytes(key_size(cipher)), rng.randbytes(size)
    nonce = rng.randbytes(nonce_size(cipher))
    sealed = Encryptor(cipher, key).seal([plain[:50], plain[50:]], 0x1122334455667788, nonce)
    assert len(sealed) == 52 + size
    aead = AESCCM(key) if cipher in (Cipher.AES_128_CCM, Cipher.AES_256_CCM) else AESGCM(key)
    reference = aead.encrypt(nonce, plain, bytes(sealed[20:52]))
    assert sealed[52:] + sealed[4:20] == reference
    before = bytes(sealed)
    assert Decryptor(cipher, key).open(sealed) == plain
    assert sealed == before, "opening leaves the frame alone"
    assert Decryptor(cipher, key).open(memoryview(before)) == plain


@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_changed_byte_is_seen(cipher: Cipher) -> None:
    key = bytes(key_size(cipher))
    sealed = Encryptor(cipher, key).seal([b"hello, world"], 1, b"\x07" * nonce_size(cipher))
    decryptor = Decryptor(cipher, key)
    for position in range(len(sealed)):
        sealed[position] ^= 1
        assert decryptor.open(sealed) is None, position
        sealed[position] ^= 1
    assert decryptor.open(sealed) == b"hello, world"
    for size in range(len(sealed)):
        assert decryptor.open(sealed[:size]) is None
    assert Decryptor(cipher, b"\x01" * len(key)).open(sealed) is None


def test_the_header_is_as_asked() -> None:
    sealed = Encryptor(Cipher.AES_128_CCM, bytes(16)).seal([b"abc"], 0x0102030405060708, b"N" * 11, flags=2)
    assert sealed[20:36] == b"N" * 11 + bytes(5)
    assert sealed[36:52].hex() == "03000000" + "0000" + "0200" + "0807060504030201"


def test_wrong_keys_and_nonces_are_refused() -> None:
    with pytest.raises(ValueError, match="15 bytes"):
        Encryptor(Cipher.AES_128_GCM, bytes(15))
    with pytest.raises(ValueError, match="16 bytes"):
        Decryptor(Cipher.AES_256_GCM, bytes(16))
    with pytest.raises(ValueError, match="encrypts nothing"):
        Encryptor(Cipher.NONE, b"")
    with pytest.raises(ValueError, match="17 bytes"):
        Encryptor(Cipher.AES_128_GCM, bytes(16)).seal([], 0, bytes(17))
