"""Independent streams of bytes, reproducible from one seed, and decisions drawn from them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import blake2b, sha256
from random import Random
from typing import Final, TypeVar

from smbtorture_py.net.core import Entropy

T = TypeVar("T")

SEED_BITS: Final = 63
_BLOCK: Final = 64
"""Bytes of one BLAKE2b output."""
_SEED_OF_CHOICES: Final = 32
_DECISION_BITS: Final = 64


def fresh_seed() -> int:
    """Return a seed of 63 bits from the operating system, for runs that were given none; print it."""
    return secrets.randbits(SEED_BITS)


def _key(seed: int, names: Sequence[str]) -> bytes:
    """Derive a stream's key; lengths are mixed in, so that ("ab", "c") and ("a", "bc") differ."""
    digest = sha256(f"smbtorture-py {seed}".encode())
    for name in names:
        encoded = name.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()


def seeded(seed: int, *names: str) -> Entropy:
    """Return the stream of `seed` and `names`: keyed BLAKE2b over a counter, independent of all others.

    How the bytes are fetched does not matter: two calls for 8 bytes give what one call for 16 gives.
    """
    key = _key(seed, names)
    counter = 0
    rest = b""

    def take(count: int) -> bytes:
        nonlocal counter, rest
        if count < 0:
            raise ValueError(f"cannot take {count} bytes")
        blocks = [rest]
        available = len(rest)
        while available < count:
            blocks.append(blake2b(counter.to_bytes(8, "big"), key=key).digest())
            counter += 1
            available += _BLOCK
        data = b"".join(blocks)
        rest = data[count:]
        return data[:count]

    return take


class Choices:
    """Decisions drawn from the beginning of an entropy stream; many and cheap, so not from its bytes."""

    __slots__ = ("_random",)

    def __init__(self, entropy: Entropy) -> None:
        self._random = Random(entropy(_SEED_OF_CHOICES))

    def fraction(self) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        return self._random.random()

    def below(self, limit: int) -> int:
        """Return an integer from 0 to `limit` - 1; a positive `limit` far below 2**64 keeps it even."""
        return self._random.getrandbits(_DECISION_BITS) % limit

    def one_of(self, items: Sequence[T]) -> T:
        """Return one of the items, which are not empty."""
        return items[self.below(len(items))]
