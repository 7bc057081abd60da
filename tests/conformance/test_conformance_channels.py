"""The lab's words for channels: binds at once and by halves, channels that may go, waiting for the server."""

from smbtorture_py.conformance.case import case, case_of
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.runner import run_case
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.wire.status import Status

MUST, SILENT = "SMB2-3.3.5.5-33", "SMB2-3.3.5.5-21"


def run(function, *, requirements=(MUST,), defects=()):
    """Run a function as a case against the bundled server; return the result."""
    function.__doc__ = "It does."
    made = case_of(case("test.case", requirements=requirements)(function))
    with reference_bench("reference", "specification", defects, None, 7).place(7) as (world, target):
        return run_case(made, made.variants[0], world, target, 7)


def test_several_connections_are_bound_at_once():
    def body(lab):
        session = lab.logon()
        answers = lab.bind_together([(lab.connect(), session) for _ in range(3)])
        assert [answer.actual for answer in answers] == [Status.SUCCESS] * 3
        assert [len(answer.legs) for answer in answers] == [2] * 3
        assert len(session.channels) == 4
        check.alive(session)

    assert run(body).outcome is Outcome.PASS


def test_a_bind_stops_between_its_legs():
    def body(lab):
        session, connection = lab.logon(), lab.connect()
        half = connection.begin_bind(session)
        assert half.first.actual is Status.MORE_PROCESSING_REQUIRED
        assert len(session.channels) == 1
        assert half.finish().actual is Status.SUCCESS
        assert len(session.channels) == 2
        check.alive(session)

    assert run(body).outcome is Outcome.PASS


def test_a_dead_channel_fails_a_case_on_what_the_text_is_silent_about():
    def body(lab):
        session = lab.logon()
        lab.logon(previous_session_id=session.session_id)
        check.alive(session)

    assert run(body, requirements=(SILENT,)).outcome is Outcome.FAIL


def test_a_channel_that_may_be_lost_need_not_be_alive():
    def body(lab):
        session = lab.logon()
        channel = session.add_channel()
        channel.may_be_lost = True
        check.alive(session)
        channel.core.abort()
        check.alive(session)

    assert run(body).outcome is Outcome.PASS


def test_what_a_server_does_in_its_own_time_is_waited_for():
    def body(lab):
        start = lab.now
        found = lab.eventually(lambda: lab.now - start, lambda passed: passed >= 1)
        assert 1 <= found < 3
        never = lab.eventually(lambda: lab.now - start, lambda passed: False, within=2)
        assert never >= 2
        check(lab.open_connection().negotiate(), specification=Status.SUCCESS)

    assert run(body).outcome is Outcome.PASS
