"""Named behaviours: what each is worth at each level, and that a run of a case says so."""

from dataclasses import replace

import pytest

from smbtorture_py.conformance.case import case, case_of
from smbtorture_py.conformance.catalogue import Level, shipped
from smbtorture_py.conformance.checks import DISCONNECT, at_least, check, matches, worth
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import GUEST, MULTI_CHANNEL, SMB3, Capability, Need
from smbtorture_py.conformance.runner import run_case
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.server.dispatch import HANDLERS, Handler, Needs
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.wire.create import CreateDisposition
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.status import Status

MUST, SILENT, MAY = "SMB2-3.3.5.5-11", "SMB2-3.3.5.5-21", "SMB2-3.3.5.5-12"
ECHO_OK = Status.SUCCESS


@pytest.mark.parametrize(
    ("level", "behaviour", "outcome"),
    [
        (Level.MUST, "specification", Outcome.PASS),
        (Level.MUST, "permitted_later", Outcome.PASS),
        (Level.MUST, "windows", Outcome.FAIL),
        (Level.MUST, None, Outcome.FAIL),
        (Level.MUST_NOT, "samba", Outcome.FAIL),
        (Level.SHOULD, "samba", Outcome.WARN),
        (Level.SHOULD, None, Outcome.FAIL),
        (Level.MAY, "samba", Outcome.PASS),
        (Level.MAY, None, Outcome.FAIL),
        (Level.SILENT, "specification", Outcome.OBSERVED),
        (Level.SILENT, "samba", Outcome.OBSERVED),
        (Level.SILENT, None, Outcome.OBSERVED),
    ],
)
def test_worth(level, behaviour, outcome):
    assert worth(behaviour, level) is outcome


def test_matching():
    assert matches(Status.SUCCESS, 0)
    assert matches((Status.ACCESS_DENIED, DISCONNECT), DISCONNECT)
    assert matches(at_least(3), 3)
    assert not matches(at_least(3), 2)
    assert matches(b"ab", memoryview(b"ab"))
    assert not matches((Status.ACCESS_DENIED,), Status.SUCCESS)


def run(function, *, needs=(), requirements=(MUST,), hosts=None, defects=()):
    """Run a function as a case against the bundled server; return the result."""
    function.__doc__ = "It does."
    made = case_of(case("test.case", requirements=requirements, needs=needs)(function))
    bench = reference_bench("reference", "specification", defects, hosts, 7)
    with bench.place(7) as (world, target):
        return run_case(made, made.variants[0], world, target, 7)


def unsigned_bind(lab):
    session = lab.logon()
    answer = lab.connect().bind(session, signed=False)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@pytest.mark.parametrize("hosts", [None, ("127.0.0.1", "127.0.0.2")], ids=["simulated", "loopback"])
def test_the_example_of_the_design(hosts):
    result = run(unsigned_bind, needs=[SMB3, MULTI_CHANNEL], hosts=hosts)
    assert result.outcome is Outcome.PASS, result.reason
    assert [one.actual for one in result.observations] == ["INVALID_PARAMETER", "SUCCESS"]


def test_both_worlds_observe_the_same():
    simulated, loopback = run(unsigned_bind), run(unsigned_bind, hosts=("127.0.0.1", "127.0.0.2"))
    assert simulated.observations == loopback.observations


def test_a_defect_makes_it_fail():
    result = run(unsigned_bind, defects=("bind-unsigned-accepted",))
    assert result.outcome is Outcome.FAIL
    assert result.actual == "SUCCESS"
    assert "SMB2-3.3.5.5-11 [MUST]" in result.reason
    assert "specification: INVALID_PARAMETER" in result.reason
    assert result.capture
    assert result.sessions


def test_a_known_deviation_is_recorded_and_fails():
    result = run(
        lambda lab: check(lab.connect().negotiate(), specification=Status.SUCCESS, windows=DISCONNECT)
    )
    assert (result.outcome, result.behaviour) == (Outcome.FAIL, "windows")


def test_silence_of_the_specification_never_fails():
    def body(lab):
        check(lab.connect().negotiate(), specification=Status.SUCCESS)

    assert run(body, requirements=(SILENT,)).outcome is Outcome.OBSERVED


def test_what_is_lacking_is_named():
    def body(lab):
        raise AssertionError("never called")

    log = Need("a log", frozenset({Capability.SERVER_LOG}))
    blocked = run(body, needs=[log, GUEST])
    assert (blocked.outcome, blocked.lacking) == (Outcome.BLOCKED, ("a log",))


def test_every_other_ending_is_an_outcome_of_its_own():
    def blocked(lab):
        lab.logon().tree("nowhere")

    def silent(lab):
        connection = lab.connect()
        connection.faults.blackhole()
        check(connection.echo(), specification=Status.SUCCESS)

    def mistaken(lab):
        raise ZeroDivisionError

    def unchecked(lab):
        lab.connect()

    def stopped(lab):
        raise Blocked("no coffee")

    assert run(blocked).outcome is Outcome.BLOCKED
    assert "BAD_NETWORK_NAME" in run(blocked).reason
    assert run(silent).outcome is Outcome.TIMEOUT
    assert run(mistaken).outcome is Outcome.ERROR
    assert "ZeroDivisionError" in run(mistaken).reason
    assert run(unchecked).outcome is Outcome.ERROR
    assert run(stopped).reason == "no coffee"


def test_the_same_seed_gives_the_same_bytes():
    first, second = run(unsigned_bind), run(unsigned_bind)
    assert first.capture == second.capture


def test_a_case_cleans_up_where_files_would_stay():
    def body(lab):
        tree = lab.logon().tree()
        directory = lab.name("folder")
        tree.directory(directory)
        check(tree.create(directory + "\\inside"), specification=Status.SUCCESS)

    body.__doc__ = "It does."
    made = case_of(case("test.case", requirements=[MUST])(body))
    bench = reference_bench("reference", "specification", (), None, 7)
    for outlives, left in ((False, Status.SUCCESS), (True, Status.OBJECT_NAME_NOT_FOUND)):
        with bench.place(7) as (world, target):
            target = replace(target, outlives_a_case=outlives)
            assert run_case(made, made.variants[0], world, target, 7).outcome is Outcome.PASS
            lab = Lab(case=made, variant=made.variants[0], world=world, target=target, catalogue=shipped())
            answer = lab.logon().tree().create(lab.name("folder"), create_disposition=CreateDisposition.OPEN)
            assert answer.actual is left


def test_a_server_that_negotiates_and_lets_nobody_log_on_is_down(monkeypatch):
    def hang(server, request, now):
        return request.pend(lambda _: None)

    def body(lab):
        lab.logon()
        monkeypatch.setitem(HANDLERS, Command.SESSION_SETUP, Handler(hang, Needs.NOTHING))
        lab.logon()

    result = run(body)
    assert result.outcome is Outcome.CRASH
    assert "no longer answers" in result.reason
