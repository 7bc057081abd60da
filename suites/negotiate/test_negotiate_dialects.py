"""Which dialect a server chooses ([MS-SMB2] 3.3.5.4)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import SMB2_1, SMB3
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

ALL = [
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
]
UNKNOWN = 0x0222


@case("negotiate.single-dialect", requirements=["SMB2-3.3.5.4-04"], variants={"dialect": ALL})
def test_a_single_dialect_is_chosen(lab: Lab, dialect: Dialect) -> None:
    """A NEGOTIATE that offers one dialect the server has is answered with that dialect."""
    answer = lab.open_connection().negotiate(dialects=[dialect])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=dialect)


@case("negotiate.highest-dialect", requirements=["SMB2-3.3.5.4-04"], needs=[SMB2_1, SMB3])
def test_the_highest_common_dialect_is_chosen(lab: Lab) -> None:
    """Whatever the order, and with duplicates and unknown values among them, the highest common dialect is
    chosen.
    """
    highest = lab.connect(dialects=ALL).dialect
    odd = [Dialect.SMB_2_1, highest, UNKNOWN, Dialect.SMB_2_0_2, highest, Dialect.SMB_2_1]
    answer = lab.open_connection().negotiate(dialects=odd)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=highest)


@case("negotiate.no-common-dialect", requirements=["SMB2-3.3.5.4-03"])
def test_no_common_dialect_is_refused(lab: Lab) -> None:
    """A NEGOTIATE without a dialect the server knows is refused, and the connection can still negotiate."""
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[UNKNOWN])
    check(answer, specification=Status.NOT_SUPPORTED)
    check(connection.negotiate(), specification=Status.SUCCESS)
