"""One-way functions, keys and signatures of NTLMv2 ([MS-NLMP] 3.3.2, 3.4)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from functools import lru_cache
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from impacket import ntlm

from smbtorture_py.auth.ntlm_messages import NegotiateFlags

NT_HASH_SIZE: Final = 16
KEY_SIZE: Final = 16
PROOF_SIZE: Final = 16
CHALLENGE_SIZE: Final = 8
ZERO_KEY: Final = bytes(KEY_SIZE)
"""SessionBaseKey of anonymous and guest sessions ([MS-NLMP] 3.2.5.1.2)."""

_SIGNATURE = struct.Struct("<I8sI")
_SEQUENCE = struct.Struct("<I")
_SIGNATURE_VERSION: Final = 1
_CHECKSUM_SIZE: Final = 8


@lru_cache(maxsize=64)
def nt_hash_of(password: str) -> bytes:
    """Return the 16 bytes of MD4 over the password in UTF-16LE ([MS-NLMP] 3.3.1 NTOWFv1).

    Each simulated server and each logon asks anew for the same few passwords.
    """
    return bytes(ntlm.compute_nthash(password))


def hmac_md5(key: bytes, *data: bytes) -> bytes:
    """Return HMAC-MD5 over the concatenation of `data`, 16 bytes."""
    digest = hmac.new(key, digestmod=hashlib.md5)
    for part in data:
        digest.update(part)
    return digest.digest()


def rc4k(key: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt `data` with a fresh RC4 state ([MS-NLMP] 6, RC4K)."""
    return Cipher(ARC4(key), mode=None).encryptor().update(data)


def upper(name: str) -> str:
    """Return `name` in upper case, character by character: no character becomes two, as Windows does it."""
    return "".join(upper_one if len(upper_one := character.upper()) == 1 else character for character in name)


def ntowf_v2(nt_hash: bytes, user: str, domain: str) -> bytes:
    """Return the 16-byte response key of NTLMv2 ([MS-NLMP] 3.3.2 NTOWFv2); only the user's case is folded."""
    return hmac_md5(nt_hash, (upper(user) + domain).encode("utf-16-le", "surrogatepass"))


def nt_proof(response_key: bytes, server_challenge: bytes, client_challenge: bytes) -> bytes:
    """Return NTProofStr over the server's 8 bytes and NTLMv2_CLIENT_CHALLENGE ([MS-NLMP] 3.3.2)."""
    return hmac_md5(response_key, server_challenge, client_challenge)


def sign_key(exported_session_key: bytes, *, is_server: bool) -> bytes:
    """Return the signing key of one side, extended session security ([MS-NLMP] 3.4.5.2)."""
    mode = "Server" if is_server else "Client"
    return bytes(ntlm.SIGNKEY(int(NegotiateFlags.EXTENDED_SESSIONSECURITY), exported_session_key, mode))


def seal_key(flags: NegotiateFlags, exported_session_key: bytes, *, is_server: bool) -> bytes:
    """Return the sealing key of one side: of 128, 56 or 40 bits by `flags` ([MS-NLMP] 3.4.5.3)."""
    return bytes(ntlm.SEALKEY(int(flags), exported_session_key, "Server" if is_server else "Client"))


class MessageSigner:
    """Makes one side's NTLMSSP_MESSAGE_SIGNATUREs, extended session security ([MS-NLMP] 3.4.4.2).

    The sequence number and, with KEY_EXCH, the RC4 state go on from signature to signature.
    """

    __slots__ = ("_key", "_sealer", "_sequence")

    def __init__(self, flags: NegotiateFlags, exported_session_key: bytes, *, is_server: bool) -> None:
        self._key = sign_key(exported_session_key, is_server=is_server)
        self._sequence = 0
        self._sealer: CipherContext | None = None
        if NegotiateFlags.KEY_EXCH in flags:
            sealing = ARC4(seal_key(flags, exported_session_key, is_server=is_server))
            self._sealer = Cipher(sealing, mode=None).encryptor()

    def sign(self, message: bytes) -> bytes:
        """Return the 16 bytes of the next signature, over `message`."""
        checksum = hmac_md5(self._key, _SEQUENCE.pack(self._sequence), message)[:_CHECKSUM_SIZE]
        if self._sealer is not None:
            checksum = self._sealer.update(checksum)
        signature = _SIGNATURE.pack(_SIGNATURE_VERSION, checksum, self._sequence)
        self._sequence += 1
        return signature
