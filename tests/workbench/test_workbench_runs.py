"""Runs that go wrong: a killed server, worker, run; a case that spins; cases that must be alone."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import read

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(__file__).with_name("workbench_server.py")
INSTALLED = any(one.name == "smbtorture_py" for one in entry_points(group="pytest11"))
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
PYTEST += [] if INSTALLED else ["-p", "smbtorture_py.plugin"]
PATIENCE = 240
PORTS = range(20_000, 30_000)
"""Below those that a system gives to whoever asks for any: nobody takes one while its server is down."""
HOOKS = ("identify", "start", "stop", "restart", "log")

TOOLS = '''
import os, signal, time
from pathlib import Path
from smbtorture_py.conformance.case import Disturbance, Turns, case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

HERE = Path(__file__).parent

def note(text):
    with (HERE / "notes").open("a") as file:
        file.write(f"{text} {time.monotonic()} {os.getpid()}\\n")

def fine(lab):
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)

def first_time(name):
    flag = HERE / name
    if flag.exists():
        return False
    flag.touch()
    return True

def shoot():
    """Kill the server, and come back when it is dead."""
    pid = int((HERE / "pid").read_text())
    os.killpg(pid, signal.SIGKILL)
    until(lambda: has_nothing_open(pid))

def has_nothing_open(pid):
    try:
        return not os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return True

def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "what another process does takes more than a minute"
        time.sleep(0.02)
'''

ORDINARY = '''
@case("own.ordinary", requirements=["SMB2-3.3.5.4-04"], variants={"number": list(range(8))})
def test_ordinary(lab, number):
    """It takes a while and is fine."""
    note(f"begin-{number}")
    lab.pause(0.3)
    fine(lab)
    note(f"end-{number}")
'''


def free_port():
    """Return a port that nobody uses on the two addresses of the target."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with closing(socket.socket()) as one, closing(socket.socket()) as other, suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.2", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture
def bench(tmp_path):
    """A folder with a suite and a targets.yaml whose target `nas` is a server that hooks start and stop."""
    port = free_port()
    hook = f"{sys.executable} {SERVER} {tmp_path} {port}"
    (tmp_path / "targets.yaml").write_text(
        "targets:\n  reference: {kind: reference}\n  nas:\n    kind: external\n"
        f"    addresses: ['127.0.0.1:{port}', '127.0.0.2:{port}']\n    allow_disruptive: true\n"
        "    user: {name: tester, password_env: NAS_PASSWORD}\n    shares: {plain: share}\n"
        "    deadline_scale: 2\n    hooks:\n"
        + "".join(
            f"      {name}: {hook} {name}\n" for name in ("identify", "start", "stop", "restart", "log")
        )
    )

    def write(*cases):
        (tmp_path / "test_own.py").write_text("".join([TOOLS, *cases]))
        return tmp_path

    yield write
    subprocess.run([*hook.split(), "stop"], check=False)


def arguments(*options):
    return [*PYTEST, "--target", "nas", "--seed", "1", *options]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "NAS_PASSWORD": "sesame"}


def run(folder, *options):
    return subprocess.run(
        arguments(*options), cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
        env=environment(),
    )  # fmt: skip


def records(folder):
    return read(folder / "reports/latest/records.jsonl")


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pids):
    """Wait until none of these processes is there any more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(map(is_alive, pids)):
        time.sleep(0.1)
    return not any(map(is_alive, pids))


ALONE = '''
@case("own.alone", requirements=["SMB2-3.3.5.4-04"], disturbs=Disturbance.RESTART)
def test_alone(lab):
    """It restarts the server."""
    note("alone")
    before = lab.connect()
    lab.control.restart()
    lab.wait(lambda: before.is_lost)
    check.that(lab, "the old connection is lost", before.is_lost, specification=True)
    fine(lab)
    note("alone-end")
'''


def test_what_disturbs_runs_alone_under_xdist(bench):
    folder = bench(ORDINARY, ALONE)
    done = run(folder, "-n", "2")
    assert done.returncode == ExitCode.FINE, done.stdout + done.stderr
    found = records(folder)
    assert found.is_complete
    assert (found.run.product, found.run.version) == ("workbench", "7.4.2")
    assert found.final["own.alone"].outcome is Outcome.PASS
    assert found.final["own.alone"].worker == ""
    notes = [line.split() for line in (folder / "notes").read_text().splitlines()]
    names = [name for name, _, _ in notes]
    assert names[-2:] == ["alone", "alone-end"]
    assert len({pid for name, _, pid in notes if name.startswith("begin")}) == 2
    hooks = [(one.hook, one.case, one.exit_code) for one in found.hooks]
    assert hooks[:2] == [("start", "", 0), ("identify", "", 0)]
    assert ("restart", "own.alone", 0) in hooks
    assert "sesame" not in (folder / "reports/latest/records.jsonl").read_text()
    assert not (folder / "pid").exists()


TURNS = '''
@case("own.turns", requirements=["SMB2-3.3.5.4-04"], variants={"number": list(range(6))},
      takes_turns=Turns("the one there is", {"number": range(4)}))
def test_turns(lab, number):
    """It has something in common with others, or not."""
    note(f"begin {number}")
    lab.pause(0.3)
    fine(lab)
    note(f"end {number}")
'''


def test_what_takes_turns_does_so_under_xdist(bench):
    folder = bench(TURNS)
    done = run(folder, "-n", "3")
    assert done.returncode == ExitCode.FINE, done.stdout + done.stderr
    notes = [line.split() for line in (folder / "notes").read_text().splitlines()]
    taken = [(what, number) for what, number, _, _ in notes if number in "0123"]
    assert [what for what, _ in taken] == ["begin", "end"] * 4
    assert [number for _, number in taken[::2]] == [number for _, number in taken[1::2]]
    assert len({pid for _, _, _, pid in notes}) == 3
    assert not list((folder / "reports/latest").glob("turns-*"))


KILLER = '''
@case("own.killer", requirements=["SMB2-3.3.5.4-04"])
def test_killer(lab):
    """It kills the server, the first time only when another process is in the middle of a case."""
    fine(lab)
    if first_time("armed"):
        until((HERE / "held").exists)
    shoot()
    (HERE / "shot").touch()

@case("own.held", requirements=["SMB2-3.3.5.4-04"], variants={"number": list(range(8))})
def test_held(lab, number):
    """It has a connection while the server is killed, unless that is over, and is fine."""
    channel = lab.logon().channels[0]
    (HERE / "held").touch()
    until((HERE / "shot").exists)
    check(channel.echo(), specification=Status.SUCCESS)
'''


def test_a_killed_server_comes_back_and_its_killer_is_found(bench):
    folder = bench(KILLER)
    done = run(folder, "-n", "2")
    assert done.returncode == ExitCode.REGRESSIONS, done.stdout + done.stderr
    found = records(folder)
    assert found.is_complete
    guilty = found.final["own.killer"]
    assert (guilty.outcome, guilty.attempt) == (Outcome.CRASH, 2)
    innocent = [result for key, result in found.final.items() if key != "own.killer"]
    assert len(innocent) == 8
    assert {result.outcome for result in innocent} == {Outcome.PASS}
    assert any(result.attempt == 2 for result in innocent), "nobody else was suspected"
    assert (folder / "reports/latest/server-1.log").read_text().startswith("ready")
    said = [one.output for one in found.hooks if one.hook == "log"]
    assert said and not any(said), "a log is with the evidence, not in the records as well"


ONCE = '''
@case("own.unlucky", requirements=["SMB2-3.3.5.4-04"])
def test_unlucky(lab):
    """The server dies meanwhile, of something else."""
    fine(lab)
    if first_time("armed"):
        shoot()
'''


def test_a_crash_that_no_case_is_guilty_of_is_not_forgotten(bench):
    folder = bench(ORDINARY, ONCE)
    done = run(folder, "--case", "own.unlucky", "--case", "own.ordinary/number=1")
    assert done.returncode == ExitCode.REGRESSIONS, done.stdout + done.stderr
    found = records(folder)
    assert [result.outcome for result in found.final.values()] == [Outcome.PASS, Outcome.PASS]
    assert [one.outcome for one in found.results if one.case == "own.unlucky"] == [
        Outcome.CRASH,
        Outcome.PASS,
    ]
    assert found.end.problems == ("the server went down once, and no case brings it down alone",)


WORKERS = '''
@case("own.deadly-once", requirements=["SMB2-3.3.5.4-04"])
def test_deadly_once(lab):
    """It kills the process it runs in, once."""
    if first_time("dead"):
        os.kill(os.getpid(), signal.SIGKILL)
    fine(lab)

@case("own.deadly", requirements=["SMB2-3.3.5.4-04"])
def test_deadly(lab):
    """It kills the process it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)
'''


def test_a_killed_worker(bench):
    folder = bench(ORDINARY, WORKERS)
    done = run(folder, "-n", "2", "--target", "reference")
    assert done.returncode == ExitCode.HARNESS_ERROR, done.stdout + done.stderr
    found = records(folder)
    assert found.is_complete
    assert (found.final["own.deadly-once"].outcome, found.final["own.deadly-once"].attempt) == (
        Outcome.PASS,
        2,
    )
    deadly = found.final["own.deadly"]
    assert (deadly.outcome, deadly.verdict) == (Outcome.ERROR, Verdict.ERROR)
    assert "died of signal 9" in deadly.reason
    assert sum(result.outcome is Outcome.PASS for result in found.final.values()) == 9


LASTING = '''
@case("own.lasting", requirements=["SMB2-3.3.5.4-04"])
def test_lasting(lab):
    """It lasts as long as anybody has patience."""
    note("begin-lasting")
    lab.pause(240)
    fine(lab)
'''


def test_a_killed_run_leaves_its_records_and_nothing_that_runs(bench):
    folder = bench(ORDINARY, LASTING)
    process = subprocess.Popen(
        arguments("-n", "2"), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip
    path = folder / "reports/latest/records.jsonl"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not (path.is_file() and '"record":"result"' in path.read_text()):
        time.sleep(0.02)
    server = int((folder / "pid").read_text())
    workers = {int(line.split()[2]) for line in (folder / "notes").read_text().splitlines()}
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = records(folder)
    assert len(found.cases) == 9
    assert found.results and found.end is None and not found.is_complete
    assert gone([server, *workers])


SPINNING = '''
@case("own.spinning", requirements=["SMB2-3.3.5.4-04"])
def test_spinning(lab):
    """It never ends."""
    while True:
        try:
            lab.name()
        except Exception:
            pass
'''


def test_a_case_that_spins_becomes_a_record(bench):
    folder = bench(ORDINARY, SPINNING)
    done = run(folder, "--target", "reference", "--case-limit", "5")
    assert done.returncode == ExitCode.HARNESS_ERROR, done.stdout + done.stderr
    found = records(folder)
    assert found.is_complete
    assert found.final["own.spinning"].outcome is Outcome.ERROR
    assert "5 s of real time" in found.final["own.spinning"].reason
    assert sum(result.outcome is Outcome.PASS for result in found.final.values()) == 8


def test_disturbing_an_external_server_has_to_be_allowed(bench):
    folder = bench(ORDINARY, ALONE)
    text = (folder / "targets.yaml").read_text()
    (folder / "targets.yaml").write_text(text.replace("allow_disruptive: true", "allow_disruptive: false"))
    refused = run(folder, "--case", "own.alone")
    assert refused.returncode == ExitCode.FINE, refused.stdout
    assert records(folder).final["own.alone"].lacking == ("permission to disturb others",)
    allowed = run(folder, "--case", "own.alone", "--allow-disruptive")
    assert allowed.returncode == ExitCode.FINE, allowed.stdout
    assert records(folder).final["own.alone"].outcome is Outcome.PASS
