"""What the refusals of requests about trees look like ([MS-SMB2] 2.2.2)."""

from collections.abc import Callable

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import any_error, check
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.wire.create import CreateDisposition
from suites.tree.dialects import BELOW_3_1_1, DIALECTS


def unknown_share(session: LabSession) -> Answer:
    """TREE_CONNECT to a share that is not there."""
    return session.tree_connect("nosuchshare")


def missing_file(session: LabSession) -> Answer:
    """CREATE that opens a file that is not there."""
    return session.tree().create(create_disposition=CreateDisposition.OPEN)


def gone_tree(session: LabSession) -> Answer:
    """TREE_DISCONNECT of a tree that was disconnected."""
    tree = session.tree()
    tree.disconnect().required()
    return tree.disconnect()


def closed_file(session: LabSession) -> Answer:
    """READ of a file that was closed."""
    opened = session.tree().open()
    opened.close().required()
    return opened.read()


REQUESTS = [unknown_share, missing_file, gone_tree, closed_file]


@case("tree.error-shape", requirements=["SMB2-2.2.2-01"], variants={"dialect": DIALECTS, "request": REQUESTS})
def test_a_refusal_has_its_shape(lab: Lab, request: Callable[[LabSession], Answer]) -> None:
    """A refusal that carries no data is an ERROR response of StructureSize 9, with nothing in Reserved."""
    session = lab.logon()
    answer = request(session)
    check(answer, specification=any_error())
    check.field(answer, "structure_size", specification=9)
    check.field(answer, "reserved", specification=0)
    check.field(answer, "byte_count", specification=0)
    check.alive(session)


@case(
    "tree.error-without-contexts",
    requirements=["SMB2-2.2.2-02"],
    variants={"dialect": BELOW_3_1_1, "request": REQUESTS},
)
def test_a_refusal_has_no_contexts_before_3_1_1(lab: Lab, request: Callable[[LabSession], Answer]) -> None:
    """Before 3.1.1 the ERROR response has no count of contexts: the field is zero."""
    session = lab.logon()
    answer = request(session)
    check(answer, specification=any_error())
    check.field(answer, "error_context_count", specification=0)
    check.alive(session)
