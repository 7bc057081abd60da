"""Every message body: round trips, AUTO and set fields, odd bytes."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_bodies import BITS, BODIES, bodies, codes, fixed_fields, fixed_values, message

from smbtorture_py.wire.codec import AUTO, HEADER_SIZE, Body, Findings
from smbtorture_py.wire.message import Direction, Message, decode_chain, encode_chain

FEW = settings(max_examples=25, deadline=None, derandomize=True)
MORE = settings(max_examples=60, deadline=None, derandomize=True)

each_body = pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)


def join(messages: list[Message]) -> bytes:
    return b"".join(part for parts in encode_chain(messages) for part in parts)


def test_there_is_a_body_for_every_command_and_direction() -> None:
    assert len(BODIES) == 19 + 19 + 4 + 1


@each_body
def test_what_is_encoded_is_decoded_again(kind: type[Body]) -> None:
    @FEW
    @given(bodies(kind))
    def check(body: Body) -> None:
        encoded, direction = message(body)
        frame = join([encoded])
        findings: Findings = []
        [decoded] = decode_chain(frame, direction, findings)
        assert type(decoded.body) is kind
        assert findings == []
        assert decoded.body.layout is None
        for field in fields(kind):
            value = getattr(body, field.name)
            if value is not AUTO and field.compare and not isinstance(value, list):
                assert getattr(decoded.body, field.name) == value, field.name
        assert join([decoded]) == frame

    check()


@each_body
def test_lists_come_back_with_their_content(kind: type[Body]) -> None:
    @FEW
    @given(bodies(kind))
    def check(body: Body) -> None:
        encoded, direction = message(body)
        [decoded] = decode_chain(join([encoded]), direction, [])
        for field in fields(kind):
            value = getattr(body, field.name)
            if isinstance(value, list):
                found = getattr(decoded.body, field.name)
                assert len(found) == len(value)
                for ours, theirs in zip(value, found, strict=True):
                    if isinstance(ours, int):
                        assert ours == theirs
                        continue
                    for name in (
                        "name",
                        "data",
                        "context_type",
                        "error_id",
                        "error_context_data",
                        "offset",
                        "flags",
                    ):
                        assert getattr(ours, name, None) == getattr(theirs, name, None)

    check()


@each_body
def test_set_fields_go_out_untouched(kind: type[Body]) -> None:
    @FEW
    @given(bodies(kind, free=True), st.data())
    def check(body: Body, data: st.DataObject) -> None:
        plain = body.encode()
        places = fixed_fields(kind)
        names = [name for name, (_, code) in places.items() if name != "file_id" and code[-1] != "s"]
        name = data.draw(st.sampled_from(sorted(set(names) - {"lock_sequence_index", "flags"})))
        place, code = places[name]
        value = data.draw(st.integers(0, 2 ** BITS[code] - 1))
        setattr(body, name, value)
        encoded = body.encode()
        expected = list(fixed_values(body, plain))
        expected[place] = value
        assert list(fixed_values(body, encoded)) == expected
        assert encoded[body.FIXED.size :] == plain[body.FIXED.size :]

    check()


@each_body
def test_auto_is_what_decoding_finds(kind: type[Body]) -> None:
    """Setting every computed field to the value found on the wire changes no byte."""

    @FEW
    @given(bodies(kind))
    def check(body: Body) -> None:
        encoded, direction = message(body)
        frame = join([encoded])
        [decoded] = decode_chain(frame, direction, [])
        for field in fields(kind):
            if getattr(body, field.name) is AUTO:
                found = getattr(decoded.body, field.name)
                assert found is not AUTO
                setattr(body, field.name, found)
        assert join([encoded]) == frame

    check()


@each_body
def test_any_fixed_part_and_tail_survive(kind: type[Body]) -> None:
    """Whatever the fields say, decoding gives a message that encodes to the bytes received."""

    @MORE
    @given(st.binary(min_size=kind.FIXED.size, max_size=kind.FIXED.size + 60), bodies(kind))
    def check(content: bytes, body: Body) -> None:
        encoded, direction = message(body)
        size = kind.STRUCTURE_SIZE.to_bytes(2, "little")
        frame = encoded.header.encode() + size + content[2:]
        [decoded] = decode_chain(frame, direction, [])
        assert join([decoded]) == frame

    check()


@each_body
def test_small_offsets_and_lengths_survive(kind: type[Body]) -> None:
    """Offsets and lengths near the message: overlapping, out of order, in the header, beyond the end."""

    @MORE
    @given(bodies(kind), st.data())
    def check(body: Body, data: st.DataObject) -> None:
        encoded, direction = message(body)
        for field in fields(kind):
            if field.default is AUTO and field.name != "structure_size" and data.draw(st.booleans()):
                setattr(body, field.name, data.draw(st.integers(0, 250)))
        frame = join([encoded])
        [decoded] = decode_chain(frame, direction, [])
        assert join([decoded]) == frame

    check()


@each_body
def test_mutated_messages_never_raise_and_survive(kind: type[Body]) -> None:
    @MORE
    @given(
        bodies(kind, free=True),
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4),
        st.integers(0, 40),
        st.sampled_from(Direction),
    )
    def check(body: Body, changes: list[tuple[int, int]], lost: int, direction: Direction) -> None:
        encoded, _ = message(body)
        frame = bytearray(join([encoded]))
        for at, value in changes:
            frame[at % len(frame)] = value
        del frame[max(0, len(frame) - lost) :]
        findings: Findings = []
        messages = decode_chain(frame, direction, findings)
        assert all(0 <= finding.offset <= len(frame) for finding in findings), findings
        if len(frame) >= HEADER_SIZE:
            assert join(messages) == frame
        else:
            assert messages == []
            assert findings

    check()


@each_body
def test_every_truncation_is_noticed(kind: type[Body]) -> None:
    """A message cut inside its fixed part has a finding, and no typed body."""

    @settings(max_examples=3, deadline=None, derandomize=True)
    @given(bodies(kind))
    def check(body: Body) -> None:
        encoded, direction = message(body)
        frame = join([encoded])
        for size in range(HEADER_SIZE, HEADER_SIZE + kind.FIXED.size):
            findings: Findings = []
            [decoded] = decode_chain(frame[:size], direction, findings)
            assert findings
            assert type(decoded.body) is not kind
            assert join([decoded]) == frame[:size]

    check()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.sampled_from(Direction), st.booleans())
def test_random_bytes_never_raise(data: bytes, direction: Direction, with_protocol_id: bool) -> None:
    frame = (b"\xfeSMB\x40\x00" + data) if with_protocol_id else data
    findings: Findings = []
    messages = decode_chain(frame, direction, findings)
    if len(frame) >= HEADER_SIZE:
        assert join(messages) == frame
    else:
        assert messages == []


@each_body
def test_reserved_bytes_are_found(kind: type[Body]) -> None:
    reserved = {name for name in fixed_fields(kind) if name in ("reserved", "reserved1")} - (
        {"reserved"} if kind.__name__ == "CreateRequest" else set()
    )
    for name in sorted(reserved):
        body = kind(**{name: 1})
        encoded, direction = message(body)
        findings: Findings = []
        decode_chain(join([encoded]), direction, findings)
        place, _ = fixed_fields(kind)[name]
        sizes = {"B": 1, "H": 2, "I": 4, "Q": 8, "16s": 16}
        offset = HEADER_SIZE + sum(sizes[code] for code in codes(kind)[:place])
        assert [finding.offset for finding in findings] == [offset], findings
