"""Microseconds to decode three common messages, header included: run `python benchmarks/bench_codec.py`."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable

from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import CreateResponse
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.message import Direction, Message, decode_chain, encode_chain
from smbtorture_py.wire.read import ReadResponse
from smbtorture_py.wire.write import WriteRequest

LIMIT = 10.0
ROUNDS = 5
REPEAT = 20_000


def frame(message: Message) -> bytes:
    """Return the bytes of one message."""
    return b"".join(part for parts in encode_chain([message]) for part in parts)


def measure(action: Callable[[], object]) -> float:
    """Return the microseconds of processor time that one call takes, in the best of a few rounds."""
    return min(timeit.repeat(action, number=REPEAT, repeat=ROUNDS, timer=time.process_time)) / REPEAT * 1e6


def report(name: str, message: Message, direction: Direction) -> None:
    """Print what one message costs."""
    data = frame(message)
    view = memoryview(data)
    kind = type(message.body)
    whole = measure(lambda: decode_chain(data, direction, []))
    body = measure(lambda: kind.decode(view, []))
    encode = measure(lambda: encode_chain([message]))
    verdict = "ok" if whole < LIMIT else f"above {LIMIT:.0f}"
    decoding = f"decode {whole:5.1f} us ({verdict}), of that the body {body:5.1f} us"
    print(f"{name:32} {decoding}, encode {encode:5.1f} us")


def main() -> None:
    """Measure each message."""
    contexts = [
        CreateContext(b"MxAc", bytes(8)),
        CreateContext(b"QFid", bytes(32)),
        CreateContext(b"RqLs", bytes(52)),
    ]
    response = HeaderFlags.SERVER_TO_REDIR | HeaderFlags.SIGNED
    cases = {
        "CREATE response, three contexts": (
            Message(
                Header(Command.CREATE, 5, response), CreateResponse(file_id=FileId(1, 2), contexts=contexts)
            ),
            Direction.RESPONSE,
        ),
        "READ response, 1 MiB": (
            Message(Header(Command.READ, 6, response), ReadResponse(data=bytes(1 << 20))),
            Direction.RESPONSE,
        ),
        "WRITE request, 1 MiB": (
            Message(Header(Command.WRITE, 7), WriteRequest(file_id=FileId(1, 2), data=bytes(1 << 20))),
            Direction.REQUEST,
        ),
    }
    for name, (message, direction) in cases.items():
        report(name, message, direction)


if __name__ == "__main__":
    main()
