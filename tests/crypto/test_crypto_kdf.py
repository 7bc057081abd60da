"""Key derivation and the preauthentication hash against Microsoft's published SMB 3.0 and 3.1.1 samples."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from smbtorture_py.crypto.kdf import (
    derive_channel_signing_key,
    derive_key,
    derive_session_keys,
    session_key_of,
)
from smbtorture_py.crypto.preauth import PreauthIntegrityHash
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher

MASTER_KEY = bytes.fromhex("270E1BA896585EEB7AF3472D3B4C75A7")
MASTER_HASH = bytes.fromhex(
    "0DD13628CC3ED218EF9DF9772D436D0887AB9814BFAE63A80AA845F36909DB79"
    "28622DDDAD522D9751640A459762C5A9D6BB084CBB3CE6BDADEF5D5BCE3C6C01"
)
CHANNEL_KEY = bytes.fromhex("84B9DBB730116A8FA6E9889555C265F9")
CHANNEL_HASH = bytes.fromhex(
    "EA3BF912B11CBFEC5B1889E8209614218687F82FA5294521AD3063425E49E88A"
    "10BD022124CE25123BC9111F52D9566BA88BF46344E6063DC5E3FF0389026F6C"
)


def test_session_keys_of_311() -> None:
    keys = derive_session_keys(Dialect.SMB_3_1_1, MASTER_KEY, MASTER_KEY, MASTER_HASH, Cipher.AES_128_GCM)
    assert keys.signing_key.hex().upper() == "73FE7A9A77BEF0BDE49C650D8CCB5F76"
    assert keys.application_key.hex().upper() == "6D7AD7954E9EC61E907B4D473DC178FF"
    assert {keys.encryption_key_s2c.hex().upper(), keys.encryption_key_c2s.hex().upper()} == {
        "629BCBC54422A0F572B97F45989B6073",
        "E2AF0DCEFAC68DA71A0DFBD0D1350D74",
    }
    # the sample lists the client's view: it encrypts with the client-to-server key
    assert keys.encryption_key_c2s.hex().upper() == "629BCBC54422A0F572B97F45989B6073"


def test_session_keys_of_311_second_sample() -> None:
    preauth = bytes.fromhex(
        "B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDB"
        "A7DB256BA2EA30E977F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770"
    )
    key = bytes.fromhex("419FDDF34C1E001909D362AE7FB6AF79")
    keys = derive_session_keys(Dialect.SMB_3_1_1, key, key, preauth, Cipher.AES_128_GCM)
    assert keys.encryption_key_c2s.hex().upper() == "A2F5E80E5D59103034F32E52F698E5EC"
    assert keys.encryption_key_s2c.hex().upper() == "748C50868C90F302962A5C35F5F9A8BF"


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2])
def test_session_keys_of_30(dialect: Dialect) -> None:
    key = bytes.fromhex("7CD451825D0450D235424E44BA6E78CC")
    keys = derive_session_keys(dialect, key, key, b"", Cipher.AES_128_CCM)
    assert keys.signing_key.hex().upper() == "0B7E9C5CAC36C0F6EA9AB275298CEDCE"
    assert keys.encryption_key_c2s.hex().upper() == "FAD27796665B313EBB578F388632B4F7"
    assert keys.encryption_key_s2c.hex().upper() == "B0F0427F7CEB416D1D9DCC0CD4F99447"


def test_channel_signing_key_of_311() -> None:
    """The published multichannel sample: a channel's own authentication and its own hash."""
    key = derive_channel_signing_key(Dialect.SMB_3_1_1, CHANNEL_KEY, CHANNEL_HASH)
    assert key.hex().upper() == "C962BCA1A9DD1697B030644199705431"
    assert derive_channel_signing_key(Dialect.SMB_3_1_1, CHANNEL_KEY, MASTER_HASH) != key


@pytest.mark.parametrize("dialect", [Dialect.SMB_2_0_2, Dialect.SMB_2_1])
def test_2x_signs_with_the_session_key(dialect: Dialect) -> None:
    keys = derive_session_keys(dialect, MASTER_KEY, MASTER_KEY, MASTER_HASH, Cipher.NONE)
    assert keys.signing_key == MASTER_KEY
    assert keys.encryption_key_c2s == keys.encryption_key_s2c == keys.application_key == b""


@pytest.mark.parametrize("cipher", [Cipher.AES_256_CCM, Cipher.AES_256_GCM])
def test_aes_256_takes_the_full_key(cipher: Cipher) -> None:
    full = bytes(range(32))
    keys = derive_session_keys(Dialect.SMB_3_1_1, session_key_of(full), full, MASTER_HASH, cipher)
    expected = _sp800_108(full, b"SMBC2SCipherKey\0", MASTER_HASH, 256)
    assert keys.encryption_key_c2s == expected
    assert keys.signing_key == _sp800_108(full[:16], b"SMBSigningKey\0", MASTER_HASH, 128)
    other = derive_session_keys(Dialect.SMB_3_1_1, full[:16], full[:16], MASTER_HASH, Cipher.AES_128_GCM)
    assert other.encryption_key_c2s != keys.encryption_key_c2s[:16], "L enters the derivation"


def test_no_cipher_no_encryption_keys() -> None:
    keys = derive_session_keys(Dialect.SMB_3_1_1, MASTER_KEY, MASTER_KEY, MASTER_HASH, Cipher.NONE)
    assert keys.encryption_key_c2s == keys.encryption_key_s2c == b""
    assert keys.signing_key


def _sp800_108(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """SP800-108 5.1 written out, r = 32."""
    out = b""
    counter = 1
    while len(out) * 8 < bits:
        fixed = counter.to_bytes(4, "big") + label + b"\0" + context + bits.to_bytes(4, "big")
        out += hmac.new(key, fixed, hashlib.sha256).digest()
        counter += 1
    return out[: bits // 8]


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_derive_key_is_sp800_108(bits: int) -> None:
    assert derive_key(MASTER_KEY, b"label\0", b"context", bits) == _sp800_108(
        MASTER_KEY, b"label\0", b"context", bits
    )


@pytest.mark.parametrize("bits", [0, -8, 7, 129])
def test_derive_key_refuses_odd_lengths(bits: int) -> None:
    with pytest.raises(ValueError, match="bits"):
        derive_key(MASTER_KEY, b"", b"", bits)


@pytest.mark.parametrize(
    ("full", "expected"),
    [(b"", bytes(16)), (b"\x01\x02", b"\x01\x02" + bytes(14)), (bytes(range(32)), bytes(range(16)))],
)
def test_session_key_of(full: bytes, expected: bytes) -> None:
    assert session_key_of(full) == expected


def test_secrets_stay_out_of_repr() -> None:
    keys = derive_session_keys(Dialect.SMB_3_1_1, MASTER_KEY, MASTER_KEY, MASTER_HASH, Cipher.AES_128_GCM)
    assert "73fe" not in repr(keys).lower()
    assert "\\x" not in repr(keys)


NEGOTIATE_REQUEST = bytes.fromhex(
    "FE534D4240000100000000000000800000000000000000000100000000000000FFFE000000000000"
    "00000000000000000000000000000000000000000000000024000500000000003F000000ECD86F32"
    "6276024F9F7752B89BB33F3A70000000020000000202100200030203110300000100260000000000"
    "010020000100FA49E6578F1F3A9F4CD3E9CC14A67AA884B3D05844E0E5A118225C15887F32FF0000"
    "0200060000000000020002000100"
)
AFTER_NEGOTIATE_REQUEST = bytes.fromhex(
    "DD94EFC5321BB618A2E208BA8920D2F422992526947A409B5037DE1E0FE8C7362B8C47122594CDE0"
    "CE26AA9DFC8BCDBDE0621957672623351A7540F1E54A0426"
)


def test_preauth_hash_of_the_published_exchange() -> None:
    running = PreauthIntegrityHash()
    assert running.value == bytes(64)
    running.update(NEGOTIATE_REQUEST)
    assert running.value == AFTER_NEGOTIATE_REQUEST


def test_preauth_hash_over_parts_and_copies() -> None:
    whole = PreauthIntegrityHash()
    whole.update(memoryview(NEGOTIATE_REQUEST))
    parts = PreauthIntegrityHash()
    parts.update(
        [NEGOTIATE_REQUEST[:64], memoryview(NEGOTIATE_REQUEST)[64:100], bytearray(NEGOTIATE_REQUEST[100:])]
    )
    assert whole == parts
    fork = parts.copy()
    fork.update(b"x")
    assert parts == whole
    assert fork.value != parts.value
