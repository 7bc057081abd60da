"""Ciphers, signing and compression algorithms and RDMA transforms: what is chosen of what is offered
([MS-SMB2] 3.3.5.4).
"""

from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.answer import NegotiateAnswer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection
from smbtorture_py.conformance.needs import ENCRYPTION, SIGNING_CAPABILITIES, SMB311
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    CompressionCapabilities,
    CompressionCapabilitiesFlags,
    ContextType,
    EncryptionCapabilities,
    NegotiateContext,
    RdmaTransformCapabilities,
    RdmaTransformId,
    SigningAlgorithm,
    SigningCapabilities,
)
from smbtorture_py.wire.status import Status
from suites.negotiate import offers
from suites.negotiate.bystanders import another_client

SMB_3_1_1 = Dialect.SMB_3_1_1
CIPHERS = list(offers.CIPHERS)
ALGORITHMS = list(offers.SIGNING_ALGORITHMS)


def offer(connection: LabConnection, *contexts: NegotiateContext) -> NegotiateAnswer:
    """Offer 3.1.1 with SHA-512 and these contexts."""
    return connection.negotiate(dialects=[SMB_3_1_1], contexts=[offers.preauth(connection.lab), *contexts])


# Ciphers


@case(
    "negotiate.cipher-chosen",
    requirements=["SMB2-3.3.5.4-34"],
    needs=[SMB311, ENCRYPTION],
    variants={"cipher": CIPHERS},
    answers=["smbtorture:hole.cipher-lists"],
)
def test_the_only_common_cipher_is_chosen(lab: Lab, cipher: Cipher) -> None:
    """A cipher that both sides have is the one and only in the answer, also among unknown ones, and what is
    encrypted with it is understood.
    """
    connection = lab.open_connection()
    answer = offer(
        connection, offers.encryption(offers.UNKNOWN_ID, cipher, offers.UNKNOWN_ID + 1), offers.signing()
    )
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, EncryptionCapabilities)
    count = None if found is None else found.cipher_count
    check.that(answer, "CipherCount", count, specification=1, ksmbd=None)
    check.that(answer, "Ciphers[0]", _cipher(answer), specification=cipher)
    session = lab.logon(connection=connection)
    check(session.tree_connect(encrypt=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "negotiate.cipher-of-many",
    requirements=["SMB2-3.3.5.4-34"],
    needs=[SMB311, ENCRYPTION],
    variants={"first": [0, 1, 2, 3]},
    answers=["smbtorture:hole.cipher-lists"],
)
def test_one_of_the_offered_ciphers_is_chosen(lab: Lab, first: int) -> None:
    """Of several common ciphers, in any order of preference, one is chosen: which is up to the server."""
    ciphers = [*offers.CIPHERS[first:], *offers.CIPHERS[:first]]
    answer = offer(lab.open_connection(), offers.encryption(*ciphers))
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, EncryptionCapabilities)
    check.that(answer, "CipherCount", None if found is None else found.cipher_count, specification=1)
    check.that(answer, "Ciphers[0]", _cipher(answer), specification=CIPHERS)


@case("negotiate.cipher-none-common", requirements=["SMB2-3.3.5.4-33"], needs=[SMB311, ENCRYPTION])
def test_no_common_cipher_is_told(lab: Lab) -> None:
    """Where no cipher is common the negotiation succeeds, and the answer names cipher 0."""
    # A server that encrypts every session sets none up here: somebody else's tells that it is alive.
    bystander = another_client(lab)
    answer = offer(lab.open_connection(), offers.encryption(offers.UNKNOWN_ID), offers.signing())
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "Ciphers[0]", _cipher(answer), specification=Cipher.NONE, ksmbd=None)
    check.alive(bystander)


@case(
    "negotiate.cipher-short",
    requirements=["SMB2-3.3.5.4-32"],
    needs=[SMB311, ENCRYPTION],
    variants={"length": [0, 1, 2, 3]},
)
def test_short_encryption_capabilities_are_refused(lab: Lab, length: int) -> None:
    """ENCRYPTION_CAPABILITIES that end before their first cipher fail with INVALID_PARAMETER."""
    bystander = another_client(lab)
    short = offers.encryption(Cipher.AES_128_GCM)
    short.data = bytes(short.data[:length])
    answer = offer(lab.open_connection(), short, offers.signing())
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.SUCCESS)
    check.alive(bystander)


@case(
    "negotiate.cipher-not-offered",
    requirements=["SMB2-3.3.5.4-36", "SMB2-3.3.5.4-14"],
    needs=[SMB311],
    variants={"capability": [True, False]},
)
def test_without_a_cipher_context_nothing_is_chosen(lab: Lab, capability: bool) -> None:
    """A 3.1.1 client that offers no cipher is told none, by no context and by no capability bit, whatever bit
    it sets itself.
    """
    bystander = another_client(lab)
    capabilities = Capabilities.ENCRYPTION if capability else Capabilities.NONE
    connection = lab.open_connection()
    answer = connection.negotiate(
        dialects=[SMB_3_1_1],
        contexts=[offers.preauth(lab), offers.signing()],
        capabilities=capabilities | Capabilities.LARGE_MTU,
    )
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, EncryptionCapabilities)
    check.that(answer, "a cipher context is there", found is not None, specification=False)
    bit = bool(int(connection.core.server_capabilities) & Capabilities.ENCRYPTION)
    check.that(
        answer, "CAP_ENCRYPTION", bit, requirement="SMB2-3.3.5.4-14", specification=False, samba=capability
    )
    check.alive(bystander)


# Signing algorithms


@case(
    "negotiate.signing-chosen",
    requirements=["SMB2-3.3.5.4-47"],
    needs=[SMB311, SIGNING_CAPABILITIES],
    variants={"signing_algorithm": ALGORITHMS},
)
def test_the_only_common_signing_algorithm_is_chosen(lab: Lab, signing_algorithm: SigningAlgorithm) -> None:
    """A signing algorithm that both sides have is the one and only in the answer, also among unknown ones,
    and messages are signed with it.
    """
    connection = lab.open_connection()
    answer = offer(
        connection,
        offers.encryption(),
        offers.signing(offers.UNKNOWN_ID, signing_algorithm, offers.UNKNOWN_ID + 1),
    )
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, SigningCapabilities)
    count = None if found is None else found.signing_algorithm_count
    check.that(answer, "SigningAlgorithmCount", count, specification=1)
    check.that(
        answer,
        "SigningAlgorithms[0]",
        _algorithm(answer),
        specification=signing_algorithm,
    )
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.signing-none-common",
    requirements=["SMB2-3.3.5.4-48"],
    needs=[SMB311, SIGNING_CAPABILITIES],
)
def test_no_common_signing_algorithm_means_aes_cmac(lab: Lab) -> None:
    """Where no signing algorithm is common the answer names AES-CMAC, and messages are signed with it."""
    connection = lab.open_connection()
    answer = offer(connection, offers.encryption(), offers.signing(offers.UNKNOWN_ID))
    # That AES-CMAC was not offered is what the case is about.
    connection.tolerate(Rule.NEGOTIATE)
    check(answer, specification=Status.SUCCESS)
    check.alive(lab.logon(connection=connection))
    check.that(
        answer,
        "SigningAlgorithms[0]",
        _algorithm(answer),
        specification=SigningAlgorithm.AES_CMAC,
        samba=None,
    )


@case("negotiate.signing-not-offered", requirements=["SMB2-3.3.5.4-49"], needs=[SMB311])
def test_without_a_signing_context_aes_cmac_is_used(lab: Lab) -> None:
    """A client that offers no signing algorithm is told none, and AES-CMAC signs."""
    connection = lab.open_connection()
    answer = offer(connection, offers.encryption())
    check(answer, specification=Status.SUCCESS)
    found = offers.chosen(answer, SigningCapabilities)
    check.that(answer, "a signing context is there", found is not None, specification=False)
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.signing-short",
    requirements=["SMB2-3.3.5.4-46"],
    needs=[SMB311, SIGNING_CAPABILITIES],
    variants={"length": [0, 1, 2, 3]},
)
def test_short_signing_capabilities_are_refused(lab: Lab, length: int) -> None:
    """SIGNING_CAPABILITIES that end before their first algorithm fail with INVALID_PARAMETER."""
    bystander = another_client(lab)
    short = offers.signing(SigningAlgorithm.AES_CMAC)
    short.data = bytes(short.data[:length])
    answer = offer(lab.open_connection(), offers.encryption(), short)
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.SUCCESS)
    check.alive(bystander)


@case(
    "negotiate.signing-count-zero",
    requirements=["SMB2-3.3.5.4-46"],
    needs=[SMB311, SIGNING_CAPABILITIES],
)
def test_no_signing_algorithm_is_refused(lab: Lab) -> None:
    """SigningAlgorithmCount 0 fails with INVALID_PARAMETER, though the data is long enough for one."""
    bystander = another_client(lab)
    none = SigningCapabilities([SigningAlgorithm.AES_CMAC], signing_algorithm_count=0).envelope()
    answer = offer(lab.open_connection(), offers.encryption(), none)
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.SUCCESS)
    check.alive(bystander)


# Compression and RDMA transforms: whether the server has them is told by the answer to a correct offer.


@case(
    "negotiate.compression-common",
    requirements=["SMB2-3.3.5.4-39", "SMB2-3.3.5.4-62", "SMB2-3.3.5.4-41"],
    needs=[SMB311],
    answers=["ms:hole.slip-negotiate-contexts-unchecked"],
)
def test_common_compression_algorithms_are_listed(lab: Lab) -> None:
    """A server that compresses lists the algorithms it shares with the client in the client's order, and does
    not offer chains unasked; any other server says nothing about compression.
    """
    offered = list(offers.COMPRESSION_ALGORITHMS)
    answer = offer(lab.open_connection(), offers.compression(*offered))
    check(answer, requirement="SMB2-3.3.5.4-62", specification=Status.SUCCESS)
    found = offers.chosen(answer, CompressionCapabilities)
    listed = None if found is None else [int(one) for one in found.compression_algorithms]
    in_order = [int(one) for one in offered if listed is not None and int(one) in listed]
    check.that(
        answer,
        "the list is a part of the offered one, in its order",
        None if listed is None else listed == in_order or listed == [CompressionAlgorithm.NONE],
        specification=True,
        permitted_unsupported=None,
    )
    flags = CompressionCapabilitiesFlags.NONE if found is None else found.flags
    check.that(answer, "Flags", int(flags), requirement="SMB2-3.3.5.4-41", specification=0)


@case(
    "negotiate.compression-none-common",
    requirements=["SMB2-3.3.5.4-40", "SMB2-3.3.5.4-62"],
    needs=[SMB311],
)
def test_no_common_compression_algorithm_is_told(lab: Lab) -> None:
    """Where no compression algorithm is common the negotiation succeeds, and a server that compresses answers
    with NONE.
    """
    answer = offer(lab.open_connection(), offers.compression(offers.UNKNOWN_ID))
    check(answer, requirement="SMB2-3.3.5.4-62", specification=Status.SUCCESS)
    found = offers.chosen(answer, CompressionCapabilities)
    check.that(
        answer,
        "CompressionAlgorithms",
        None if found is None else tuple(found.compression_algorithms) == (CompressionAlgorithm.NONE,),
        specification=True,
        permitted_unsupported=None,
        windows_2004=False,
    )


@case(
    "negotiate.compression-malformed",
    requirements=["SMB2-3.3.5.4-38", "SMB2-3.3.5.4-62"],
    needs=[SMB311],
    variants={"how": ["short", "count"]},
)
def test_malformed_compression_capabilities(lab: Lab, how: str) -> None:
    """COMPRESSION_CAPABILITIES that are too short or count no algorithm fail with INVALID_PARAMETER, unless
    the server ignores them.
    """
    supported = ContextType.COMPRESSION_CAPABILITIES in offers.kinds(
        offer(lab.open_connection(), offers.compression())
    )
    malformed = CompressionCapabilities([CompressionAlgorithm.LZ77], compression_algorithm_count=0).envelope()
    if how == "short":
        malformed.data = bytes(malformed.data[: len(malformed.data) - 1])
    answer = offer(lab.open_connection(), malformed)
    check(
        answer,
        requirement="SMB2-3.3.5.4-38" if supported else "SMB2-3.3.5.4-62",
        specification=Status.INVALID_PARAMETER if supported else Status.SUCCESS,
    )


@case(
    "negotiate.rdma-transforms",
    requirements=["SMB2-3.3.5.4-44", "SMB2-3.3.5.4-43", "SMB2-3.3.5.4-62"],
    needs=[SMB311],
    variants={"common": [True, False]},
    answers=["ms:hole.slip-negotiate-contexts-unchecked"],
)
def test_rdma_transforms_are_answered(lab: Lab, common: bool) -> None:
    """A server that knows RDMA transforms lists those it shares, or NONE; any other server says nothing about
    them.
    """
    transforms = offers.RDMA_TRANSFORMS if common else (offers.UNKNOWN_ID,)
    answer = offer(lab.open_connection(), offers.rdma_transform(*transforms))
    check(answer, requirement="SMB2-3.3.5.4-62", specification=Status.SUCCESS)
    found = offers.chosen(answer, RdmaTransformCapabilities)
    listed = None if found is None else {int(one) for one in found.rdma_transform_ids}
    allowed = {int(one) for one in offers.RDMA_TRANSFORMS} if common else {int(RdmaTransformId.NONE)}
    check.that(
        answer,
        "the transforms are common ones" if common else "the transform is NONE",
        None if listed is None else bool(listed) and listed <= allowed,
        requirement="SMB2-3.3.5.4-44" if common else "SMB2-3.3.5.4-43",
        specification=True,
        permitted_unsupported=None,
    )


@case(
    "negotiate.rdma-transforms-malformed",
    requirements=["SMB2-3.3.5.4-42", "SMB2-3.3.5.4-62"],
    needs=[SMB311],
    variants={"how": ["short", "count"]},
)
def test_malformed_rdma_transform_capabilities(lab: Lab, how: str) -> None:
    """RDMA_TRANSFORM_CAPABILITIES that are too short or count no transform fail with INVALID_PARAMETER,
    unless the server ignores them.
    """
    supported = ContextType.RDMA_TRANSFORM_CAPABILITIES in offers.kinds(
        offer(lab.open_connection(), offers.rdma_transform())
    )
    malformed = RdmaTransformCapabilities([RdmaTransformId.SIGNING], transform_count=0).envelope()
    if how == "short":
        malformed.data = bytes(malformed.data[: len(malformed.data) - 1])
    answer = offer(lab.open_connection(), malformed)
    check(
        answer,
        requirement="SMB2-3.3.5.4-42" if supported else "SMB2-3.3.5.4-62",
        specification=Status.INVALID_PARAMETER if supported else Status.SUCCESS,
    )


def _cipher(answer: NegotiateAnswer) -> int | None:
    """Return the first cipher of an answer, None where there is none."""
    found = offers.chosen(answer, EncryptionCapabilities)
    return found.ciphers[0] if found is not None and found.ciphers else None


def _algorithm(answer: NegotiateAnswer) -> int | None:
    """Return the first signing algorithm of an answer, None where there is none."""
    found = offers.chosen(answer, SigningCapabilities)
    return found.signing_algorithms[0] if found is not None and found.signing_algorithms else None
