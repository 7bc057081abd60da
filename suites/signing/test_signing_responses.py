"""Which responses are signed, with which algorithm and key ([MS-SMB2] 3.3.4.1.1, 3.1.4.1)."""

from smbtorture_py.conformance.answer import Protection
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import CLEAR_SESSIONS
from smbtorture_py.wire.status import Status
from suites.signing.commands import COMMANDS, place
from suites.signing.ways import EVERY_WAY

ENDING = ("LOGOFF",)
"""Commands after which the session is gone."""


@case(
    "signing.every-command",
    requirements=["SMB2-3.3.4.1.1-02"],
    needs=[CLEAR_SESSIONS],
    variants={"command": list(COMMANDS)},
    answers=["smbtorture:hole.response-signatures"],
)
def test_every_signed_request_gets_a_signed_response(lab: Lab, command: str) -> None:
    """A signed request succeeds and its response is signed, although the session requires no signing."""
    session, bystander = lab.logon(), lab.logon()
    answer = COMMANDS[command](place(session), sign=True)
    check(answer, requirement="SMB2-3.3.5.2.4-02", specification=Status.SUCCESS)
    check.protection(answer, specification=Protection.SIGNED)
    check.alive(bystander if command in ENDING else session)


@case(
    "signing.algorithm",
    requirements=["SMB2-3.1.4.1-01", "SMB2-3.1.4.1-02", "SMB2-3.1.4.1-03", "SMB2-3.1.4.1-04"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "size": size} for way in EVERY_WAY for size in (1, 16, 65536)],
)
def test_every_algorithm_signs_messages_of_any_size(lab: Lab, size: int) -> None:
    """Data of any size is written and read with signatures of the negotiated algorithm on both sides."""
    session = lab.logon()
    algorithm = "SMB2-3.1.4.1-03" if session.connection.core.is_smb3 else "SMB2-3.1.4.1-01"
    file, data = session.tree().open(), lab.entropy(size)
    written = file.write(data, sign=True)
    check(written, requirement=algorithm, specification=Status.SUCCESS)
    check.protection(written, requirement=algorithm, specification=Protection.SIGNED)
    read = file.read(length=size, sign=True)
    check(read, requirement=algorithm, specification=Status.SUCCESS)
    check.protection(read, requirement=algorithm, specification=Protection.SIGNED)
    check.that(read, "the data read", read.data, requirement=algorithm, specification=data)
    check.alive(session)
