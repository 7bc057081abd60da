"""Direct TCP framing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbtorture_py.wire.codec import FramingError
from smbtorture_py.wire.framing import FrameReader, encode_frame_header

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)


def framed(messages: list[bytes]) -> bytes:
    return b"".join(encode_frame_header(len(message)) + message for message in messages)


@SETTINGS
@given(st.lists(st.binary(max_size=30), max_size=6), st.lists(st.integers(0, 200), max_size=12))
def test_frames_come_out_however_the_stream_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream = framed(messages)
    points = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = FrameReader()
    found = []
    for start, end in pairwise(points):
        found += [bytes(frame) for frame in reader.feed(stream[start:end])]
    assert found == messages
    assert reader.pending == 0


def test_byte_by_byte() -> None:
    reader = FrameReader()
    found = [frame for byte in framed([b"ab", b"", b"c"]) for frame in reader.feed(bytes((byte,)))]
    assert found == [b"ab", b"", b"c"]


def test_a_whole_frame_in_one_piece_is_not_copied() -> None:
    stream = framed([b"abc"])
    [frame] = FrameReader().feed(stream)
    assert frame.obj is stream


def test_a_receive_buffer_may_be_reused() -> None:
    receive = bytearray(framed([b"abc"]))
    [frame] = FrameReader().feed(receive)
    receive[:] = bytes(len(receive))
    assert frame == b"abc"


def test_frames_before_the_error_come_out_first() -> None:
    frames = FrameReader().feed(framed([b"ab"]) + b"\x85\x00\x00\x00")
    assert next(frames) == b"ab"
    with pytest.raises(FramingError, match="0x85"):
        next(frames)


@pytest.mark.parametrize("split", [0, 2, 4])
def test_a_length_beyond_the_limit_is_refused_before_its_bytes_arrive(split: int) -> None:
    reader = FrameReader(max_length=100)
    header = encode_frame_header(101)
    assert list(FrameReader(max_length=101).feed(header + bytes(101))) == [bytes(101)]
    with pytest.raises(FramingError, match="101"):
        for piece in (header[:split], header[split:], b"x"):
            list(reader.feed(piece))


def test_what_is_pending_is_what_arrived() -> None:
    reader = FrameReader()
    assert list(reader.feed(encode_frame_header(0xFFFFFF) + b"abc")) == []
    assert reader.pending == 7


@pytest.mark.parametrize("length", [-1, 0x1000000])
def test_a_length_that_does_not_fit_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="frame"):
        encode_frame_header(length)


@SETTINGS
@given(st.lists(st.binary(max_size=20), max_size=10))
def test_random_streams_raise_only_the_framing_error(pieces: list[bytes]) -> None:
    reader = FrameReader(max_length=64)
    try:
        for piece in pieces:
            for frame in reader.feed(piece):
                assert len(frame) <= 64
            assert reader.pending <= 68
    except FramingError:
        pass
