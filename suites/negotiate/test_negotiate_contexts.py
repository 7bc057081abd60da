"""Negotiate contexts of 3.1.1: how a list of them is read ([MS-SMB2] 2.2.3.1, 3.3.5.4), and that the answer's
is whole.
"""

import struct
from collections.abc import Callable

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import SMB311
from smbtorture_py.wire.negotiate import Dialect, NegotiateResponse
from smbtorture_py.wire.negotiate_contexts import (
    ContextType,
    HashAlgorithm,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    TransportCapabilities,
    TransportCapabilitiesFlags,
)
from smbtorture_py.wire.status import Status
from suites.negotiate import offers, tampering
from suites.negotiate.bystanders import another_client

SMB_3_1_1 = Dialect.SMB_3_1_1
UNKNOWN_TYPES = {
    "reserved": ContextType.CONTEXTTYPE_RESERVED,
    "gap": 0x0004,
    "unknown": 0xABCD,
}
CONTEXT_HEADER = struct.Struct("<HHI")
ALIGNMENT = 8
BEYOND = 0xFFFF
A_GAP = 64

MAKERS: dict[str, Callable[[Lab], NegotiateContext]] = {
    "PREAUTH_INTEGRITY": offers.preauth,
    "ENCRYPTION": lambda _: offers.encryption(),
    "COMPRESSION": lambda _: offers.compression(),
    "RDMA_TRANSFORM": lambda _: offers.rdma_transform(),
    "SIGNING": lambda _: offers.signing(),
}
AT_MOST_ONCE = {
    "PREAUTH_INTEGRITY": "SMB2-3.3.5.4-25",
    "ENCRYPTION": "SMB2-3.3.5.4-31",
    "COMPRESSION": "SMB2-3.3.5.4-37",
    "RDMA_TRANSFORM": "SMB2-3.3.5.4-42",
    "SIGNING": "SMB2-3.3.5.4-45",
}


@case(
    "negotiate.context-order",
    requirements=["SMB2-2.2.3.1-01"],
    needs=[SMB311],
    variants={"first": [0, 1, 2, 3, 4, 5, 6]},
)
def test_contexts_may_come_in_any_order(lab: Lab, first: int) -> None:
    """A list of one context of each kind is taken in any order; a session set up on it works."""
    contexts = offers.every_kind(lab)
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=[*contexts[first:], *contexts[:first]])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=SMB_3_1_1)
    check.alive(lab.logon(connection=connection))


@case("negotiate.context-reserved", requirements=["SMB2-2.2.3.1-02"], needs=[SMB311])
def test_the_reserved_field_of_a_context_is_ignored(lab: Lab) -> None:
    """Reserved fields of contexts that are not zero change nothing."""
    contexts = offers.usual(lab)
    for context in contexts:
        context.reserved = 0xFFFFFFFF
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=contexts)
    check(answer, specification=Status.SUCCESS)
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.context-unknown",
    requirements=["SMB2-2.2.3.1-03", "SMB2-3.3.5.4-55"],
    needs=[SMB311],
    variants={"type": list(UNKNOWN_TYPES), "size": [0, 1, 4096]},
)
def test_unknown_contexts_are_ignored(lab: Lab, type: str, size: int) -> None:
    """Contexts of unknown and reserved types, twice and in front of the others, are ignored and not answered;
    the preauthentication hash covers them.
    """
    unknown = NegotiateContext(UNKNOWN_TYPES[type], lab.entropy(size))
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=[unknown, unknown, *offers.usual(lab)])
    check(answer, specification=Status.SUCCESS)
    found = unknown.context_type in offers.kinds(answer)
    check.that(answer, "the context is answered", found, requirement="SMB2-3.3.5.4-55", specification=False)
    check.alive(lab.logon(connection=connection))


@case("negotiate.context-list-elsewhere", requirements=["SMB2-2.2.3.1-05"], needs=[SMB311])
def test_the_list_is_where_its_offset_says(lab: Lab) -> None:
    """A context list 64 bytes behind the end of the dialects is found by its offset."""
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], tamper=tampering.move_contexts(A_GAP))
    check(answer, specification=Status.SUCCESS, samba=Status.INVALID_PARAMETER)
    check.alive(lab.logon(connection=connection))


@case("negotiate.context-list-trailing", requirements=["SMB2-3.3.5.4-56"], needs=[SMB311])
def test_bytes_behind_the_list_count_for_the_hash(lab: Lab) -> None:
    """Bytes behind the last context belong to the request: a session set up after it has the keys that follow
    from all of them.
    """
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], tamper=tampering.lengthen(ALIGNMENT))
    check(answer, specification=Status.SUCCESS, permitted_malformed=Status.INVALID_PARAMETER)
    if answer.actual is Status.SUCCESS:
        check.alive(lab.logon(connection=connection))


@case(
    "negotiate.context-list-malformed",
    requirements=["SMB2-2.2.3.1-07", "SMB2-2.2.3.1-04"],
    needs=[SMB311],
    variants=[
        {"field": "negotiate_context_offset", "value": 0x10000},
        {"field": "negotiate_context_offset", "value": 0xFFFFFFF8},
        {"field": "negotiate_context_count", "value": 4},
        {"field": "negotiate_context_count", "value": 0xFFFF},
    ],
)
def test_a_list_beyond_the_message_is_refused(lab: Lab, field: str, value: int) -> None:
    """A context list that begins or goes on beyond the end of the message fails with INVALID_PARAMETER."""
    bystander = another_client(lab)
    lab.connect(dialect=SMB_3_1_1, contexts=offers.usual(lab))
    answer = lab.open_connection().negotiate(
        dialects=[SMB_3_1_1], contexts=offers.usual(lab), tamper=tampering.body(**{field: value})
    )
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case("negotiate.context-data-beyond", requirements=["SMB2-2.2.3.1-04"], needs=[SMB311])
def test_a_context_that_does_not_fit_is_refused(lab: Lab) -> None:
    """A last context whose DataLength reaches beyond the end of the message fails with INVALID_PARAMETER."""
    bystander = another_client(lab)
    last = NegotiateContext(UNKNOWN_TYPES["unknown"], bytes(ALIGNMENT), data_length=BEYOND)
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=[*offers.usual(lab), last])
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case("negotiate.context-unaligned", requirements=["SMB2-2.2.3.1-04"], needs=[SMB311])
def test_contexts_begin_at_multiples_of_eight(lab: Lab) -> None:
    """A second context that follows the first without padding is not found: what stands at the next multiple
    of eight is no context, and the request fails.
    """
    bystander = another_client(lab)
    first = offers.preauth(lab)
    # Read two bytes late, the Reserved field that a receiver ignores is a DataLength beyond the message.
    second = offers.encryption()
    second.reserved = BEYOND
    answer = lab.open_connection().negotiate(
        dialects=[SMB_3_1_1],
        contexts=[first, second],
        tamper=tampering.close_gap_before_second_context(len(first.data)),
    )
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.preauth-missing",
    requirements=["SMB2-3.3.5.4-24"],
    needs=[SMB311],
    variants={"others": [True, False]},
)
def test_preauth_integrity_capabilities_must_be_there(lab: Lab, others: bool) -> None:
    """A NEGOTIATE that leads to 3.1.1 without PREAUTH_INTEGRITY_CAPABILITIES fails with INVALID_PARAMETER."""
    bystander = another_client(lab)
    contexts = [offers.encryption(), offers.signing()] if others else []
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=contexts)
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.INSUFFICIENT_RESOURCES)
    check.alive(bystander)


@case(
    "negotiate.context-repeated",
    requirements=list(AT_MOST_ONCE.values()),
    needs=[SMB311],
    variants={"kind": list(AT_MOST_ONCE)},
)
def test_no_kind_of_context_comes_twice(lab: Lab, kind: str) -> None:
    """Two contexts of a kind that may be there once fail with INVALID_PARAMETER; one each succeeds."""
    maker = MAKERS[kind]
    rest = [maker(lab) for name, maker in MAKERS.items() if name != kind]
    bystander = another_client(lab)
    lab.connect(dialect=SMB_3_1_1, contexts=[maker(lab), *rest])
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=[maker(lab), *rest, maker(lab)])
    check(
        answer,
        requirement=AT_MOST_ONCE[kind],
        specification=Status.INVALID_PARAMETER,
        samba=Status.SUCCESS,
        ksmbd=Status.SUCCESS,
    )
    check.alive(bystander)


@case(
    "negotiate.preauth-short",
    requirements=["SMB2-3.3.5.4-26"],
    needs=[SMB311],
    variants={"length": [0, 2, 4, 5]},
)
def test_short_preauth_integrity_capabilities_are_refused(lab: Lab, length: int) -> None:
    """PREAUTH_INTEGRITY_CAPABILITIES that end before their first hash algorithm fail with
    INVALID_PARAMETER.
    """
    bystander = another_client(lab)
    contexts = offers.usual(lab)
    contexts[0].data = bytes(contexts[0].data[:length])
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=contexts)
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.INSUFFICIENT_RESOURCES)
    check.alive(bystander)


@case(
    "negotiate.hash-none-common",
    requirements=["SMB2-3.3.5.4-28"],
    needs=[SMB311],
    variants={"count": [1, 3]},
)
def test_no_common_hash_algorithm_is_refused(lab: Lab, count: int) -> None:
    """Hash algorithms that nobody knows fail with SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP."""
    bystander = another_client(lab)
    unknown = PreauthIntegrityCapabilities([offers.UNKNOWN_ID] * count, lab.entropy(offers.SALT_SIZE))
    contexts = [unknown.envelope(), *offers.usual(lab)[1:]]
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=contexts)
    check(
        answer,
        specification=Status.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
        ksmbd=Status.INSUFFICIENT_RESOURCES,
    )
    check.alive(bystander)


@case("negotiate.hash-count-zero", requirements=["SMB2-3.3.5.4-27"], needs=[SMB311])
def test_no_hash_algorithm_is_refused(lab: Lab) -> None:
    """HashAlgorithmCount 0 has no overlap, and is malformed too: either status is right."""
    bystander = another_client(lab)
    none = PreauthIntegrityCapabilities([], lab.entropy(offers.SALT_SIZE))
    contexts = [none.envelope(), *offers.usual(lab)[1:]]
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=contexts)
    check(
        answer,
        specification=Status.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
        permitted_malformed=Status.INVALID_PARAMETER,
        ksmbd=Status.INSUFFICIENT_RESOURCES,
    )
    check.alive(bystander)


@case(
    "negotiate.hash-among-unknown",
    requirements=["SMB2-3.3.5.4-61", "SMB2-3.3.5.4-30"],
    needs=[SMB311],
    variants={"position": [0, 1, 2]},
)
def test_the_known_hash_algorithm_is_found(lab: Lab, position: int) -> None:
    """SHA-512 is chosen wherever it stands among unknown hash algorithms."""
    algorithms: list[int] = [offers.UNKNOWN_ID, offers.UNKNOWN_ID + 1]
    algorithms.insert(position, HashAlgorithm.SHA_512)
    contexts = [PreauthIntegrityCapabilities(algorithms).envelope(), *offers.usual(lab)[1:]]
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=contexts)
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, PreauthIntegrityCapabilities)
    hashes = None if found is None else tuple(found.hash_algorithms)
    check.that(answer, "the hash is SHA-512 alone", hashes == (HashAlgorithm.SHA_512,), specification=True)
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.salt-length",
    requirements=["SMB2-3.3.5.4-29"],
    needs=[SMB311],
    variants={"length": [0, 1, 31, 8192]},
)
def test_a_salt_may_have_any_length(lab: Lab, length: int) -> None:
    """Salts of no and of many bytes are accepted, and hashed: a session set up afterwards works."""
    salted = PreauthIntegrityCapabilities(salt=lab.entropy(length)).envelope()
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=[salted, *offers.usual(lab)[1:]])
    check(answer, specification=Status.SUCCESS)
    check.alive(lab.logon(connection=connection))


@case("negotiate.salt-fresh", requirements=["SMB2-3.3.5.4-30"], needs=[SMB311])
def test_each_response_has_a_new_salt(lab: Lab) -> None:
    """Equal requests are answered with one hash algorithm and a salt that was never used before."""
    contexts = offers.usual(lab)
    salts: list[bytes] = []
    for _ in range(3):
        answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=contexts)
        check(answer, specification=Status.SUCCESS)
        found = offers.chosen(answer, PreauthIntegrityCapabilities)
        count = None if found is None else found.hash_algorithm_count
        check.that(answer, "HashAlgorithmCount", count, specification=1)
        salts.append(b"" if found is None else bytes(found.salt))
    check.that(lab.connections[0], "different salts of three", len({*salts}), specification=3)


@case(
    "negotiate.netname",
    requirements=["SMB2-3.3.5.4-54"],
    needs=[SMB311],
    variants={"name": ["own", "empty", "foreign", "long"]},
)
def test_the_netname_is_ignored(lab: Lab, name: str) -> None:
    """Whatever name the client connects by, the context is ignored and not answered."""
    names = {"own": lab.target.server_name, "empty": "", "foreign": "other.example", "long": "x" * 2000}
    netname = NetnameNegotiateContextId(names[name]).envelope()
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=[*offers.usual(lab), netname])
    check(answer, specification=Status.SUCCESS)
    check.that(
        answer,
        "the context is answered",
        ContextType.NETNAME_NEGOTIATE_CONTEXT_ID in offers.kinds(answer),
        specification=False,
    )
    check.alive(lab.logon(connection=connection))


@case("negotiate.transport-security", requirements=["SMB2-3.3.5.4-52"], needs=[SMB311])
def test_tcp_is_no_secure_transport(lab: Lab) -> None:
    """A client that offers to rely on the transport's security is not taken at its word over TCP."""
    offered = TransportCapabilities(TransportCapabilitiesFlags.ACCEPT_TRANSPORT_LEVEL_SECURITY).envelope()
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[SMB_3_1_1], contexts=[*offers.usual(lab), offered])
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, TransportCapabilities)
    check.that(
        answer,
        "flags of the transport context",
        None if found is None else int(found.flags),
        specification=0,
        permitted_unsupported=None,
    )


@case(
    "negotiate.transport-short",
    requirements=["SMB2-3.3.5.4-51"],
    needs=[SMB311],
    variants={"length": [0, 3]},
)
def test_a_short_transport_context_is_refused_where_it_is_known(lab: Lab, length: int) -> None:
    """TRANSPORT_CAPABILITIES of less than four bytes fail with INVALID_PARAMETER, unless the server ignores
    the context.
    """
    bystander = another_client(lab)
    short = NegotiateContext(ContextType.TRANSPORT_CAPABILITIES, bytes(length))
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=[*offers.usual(lab), short])
    check(answer, specification=Status.INVALID_PARAMETER, permitted_unsupported=Status.SUCCESS)
    check.alive(bystander)


@case(
    "negotiate.response-contexts",
    requirements=["SMB2-3.3.5.4-55"],
    needs=[SMB311],
    variants={"offered": ["every", "one"]},
    answers=["ms:hole.slip-negotiate-contexts-unchecked"],
)
def test_the_contexts_of_the_response_are_well_formed(lab: Lab, offered: str) -> None:
    """The answer to one context of each kind, or to one alone, holds as many as it says, each aligned and
    inside the message, no kind twice and none that was not offered.
    """
    sent = offers.every_kind(lab) if offered == "every" else [offers.preauth(lab)]
    answer = lab.open_connection().negotiate(dialects=[SMB_3_1_1], contexts=sent)
    check(answer, specification=Status.SUCCESS)
    body, message = answer.body(NegotiateResponse), answer.exchange.response_bytes
    position = body.negotiate_context_offset
    buffer_end = body.security_buffer_offset + body.security_buffer_length
    check.that(answer, "NegotiateContextOffset modulo 8", position % ALIGNMENT, specification=0)
    check.that(answer, "the list is behind the buffer", position >= buffer_end, specification=True)
    kinds: list[int] = []
    for _ in range(body.negotiate_context_count):
        inside = position + CONTEXT_HEADER.size <= len(message)
        check.that(answer, f"context {len(kinds)} is inside the message", inside, specification=True)
        kind, length, _ = CONTEXT_HEADER.unpack_from(message, position)
        kinds.append(kind)
        end = position + CONTEXT_HEADER.size + length
        position = end + -end % ALIGNMENT
        check.that(answer, f"context {len(kinds)} ends inside", end <= len(message), specification=True)
    allowed = {int(context.context_type) for context in sent}
    check.that(answer, "kinds not offered", len({*kinds} - allowed), specification=0)
    check.that(answer, "kinds twice", len(kinds) - len({*kinds}), specification=0)
    check.that(
        answer,
        "PREAUTH_INTEGRITY_CAPABILITIES among them",
        ContextType.PREAUTH_INTEGRITY_CAPABILITIES in kinds,
        specification=True,
    )
