"""The preauthentication integrity hash of a connection ([MS-SMB2] 3.3.5.4): what is negotiated is what the
keys are made of.
"""

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB311
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import NegotiateContext, PreauthIntegrityCapabilities
from smbtorture_py.wire.status import Status
from suites.negotiate import offers

SMB_3_1_1 = Dialect.SMB_3_1_1
UNKNOWN_DIALECT = 0x0250
UNKNOWN_TYPE = 0xABCD


@case(
    "negotiate.hash-after-refusal",
    requirements=["SMB2-3.3.5.4-56"],
    needs=[SMB311],
    variants={"dialect": [SMB_3_1_1]},
)
def test_a_refused_negotiate_does_not_count(lab: Lab) -> None:
    """A NEGOTIATE that was refused is not part of the hash: after the second one, which succeeds, the keys of
    a session fit.
    """
    connection = lab.open_connection()
    connection.negotiate(dialects=[UNKNOWN_DIALECT]).required(Status.NOT_SUPPORTED)
    check(connection.negotiate(), specification=Status.SUCCESS)
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.hash-of-channel",
    requirements=["SMB2-3.3.5.4-56", "SMB2-3.3.5.5.3-19"],
    needs=[SMB311, MULTI_CHANNEL],
    variants={"dialect": [SMB_3_1_1], "size": [0, 3, 4096]},
    answers=["smbtorture:hole.preauth-per-connection"],
)
def test_each_channel_has_the_hash_of_its_own_negotiate(lab: Lab, size: int) -> None:
    """Channels whose NEGOTIATE requests differ have hashes of their own, and keys that fit them."""
    session = lab.logon()
    unknown = NegotiateContext(UNKNOWN_TYPE, lab.entropy(size))
    connection = lab.open_connection()
    answer = connection.negotiate(extra_contexts=[unknown])
    check(answer, specification=Status.SUCCESS)
    session.add_channel(connection=connection)
    check.alive(session)


@case(
    "negotiate.hash-of-changed-request",
    requirements=["SMB2-3.3.5.4-56", "SMB2-3.3.5.5.3-11"],
    needs=[SMB311],
)
def test_a_changed_request_is_noticed(lab: Lab) -> None:
    """Somebody on the way changes one bit of the salt: the logon ends with a signature that does not fit,
    and the client knows.
    """
    salt = lab.entropy(offers.SALT_SIZE)
    changed = bytes([salt[0] ^ 1]) + salt[1:]
    contexts = [PreauthIntegrityCapabilities(salt=salt).envelope(), *offers.usual(lab)[1:]]
    connection = lab.open_connection().tolerate(Rule.SIGNATURE, Rule.LOGON_NOT_SIGNED)
    negotiated = connection.negotiate(
        dialects=[SMB_3_1_1],
        contexts=contexts,
        tamper=Tamper(frame=lambda whole: [whole.replace(salt, changed)]),
    )
    check(negotiated, specification=Status.SUCCESS)
    answer = connection.session_setup()
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "the signature fits", answer.exchange.signature_valid, specification=False)
