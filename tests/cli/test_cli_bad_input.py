"""What a user gets for bad input and bad servers: one clear line, the right exit code, no traceback, no hang,
and every record that was made."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.records import read
from tests import called_command

ROOT = str(Path(__file__).resolve().parents[2])
COMMAND = [sys.executable, "-m", "smbtorture_py.cli"]
INSTALLED = any(one.name == "smbtorture_py" for one in entry_points(group="pytest11"))
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
PYTEST += [] if INSTALLED else ["-p", "smbtorture_py.plugin"]
PATIENCE = 60
SUITE = '''
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

@case("own.first", requirements=["SMB2-3.3.5.4-04"])
def test_first(lab):
    """It negotiates."""
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)

@case("own.second", requirements=["SMB2-3.3.5.4-04"])
def test_second(lab):
    """It negotiates again."""
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)
'''


# Servers that are none


def http(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def closing(connection: socket.socket) -> None:
    del connection


def endless(connection: socket.socket) -> None:
    """Frames of zeros without end."""
    block = b"\0\0\x10\0" + bytes(4096)
    while True:
        connection.sendall(block)


def huge(connection: socket.socket) -> None:
    """A frame of 16 MiB is announced, and never comes."""
    connection.recv(65536)
    connection.sendall(b"\0\xff\xff\xff\xfeSMB")
    silent(connection)


def babbling(connection: socket.socket) -> None:
    """A header that says SMB 2, then nonsense."""
    connection.recv(65536)
    connection.sendall(b"\0\0\0\x60\xfeSMB\x40" + b"\xa5" * 91)
    silent(connection)


SERVERS = [http, silent, closing, endless, huge, babbling]


@contextmanager
def fake_server(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on 127.0.0.1 that does `speak` on every connection; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_now: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                speak(connection)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_now.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_now:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        thread.join(PATIENCE)


def run(
    *arguments: str, cwd: Path, command: list[str] = COMMAND, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command; that it ends at all is part of every test."""
    return subprocess.run(
        [*command, *arguments], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False,
        env={**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "300", **environment},
    )  # fmt: skip


Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command in this process, where only its arguments or files matter: a tenth of the time."""
    monkeypatch.chdir(tmp_path)

    def calling(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = called_command.call(*arguments)
        output = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, output.out, output.err)

    return calling


def one_line(done: subprocess.CompletedProcess[str], code: ExitCode, *words: str) -> None:
    """The exit code is `code`; one line of the output has all words; nothing shows our insides."""
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "Traceback" not in output and "INTERNALERROR" not in output, output
    lines = [line for line in output.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, output


def nas(folder: Path, port: int, **settings: object) -> None:
    """Write a targets.yaml with one external target."""
    model = {
        "kind": "external",
        "addresses": [f"127.0.0.1:{port}"],
        "product": "nas",
        "user": {"name": "tester", "password_env": "NAS_PASSWORD"},
        "deadline_scale": 0.2,
        **settings,
    }
    # JSON is YAML.
    (folder / "targets.yaml").write_text(json.dumps({"targets": {"nas": model}}, indent=1))


@contextmanager
def silent_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody listens on, nor can."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("how", "server"),
    [
        *(("run", server) for server in SERVERS),
        ("probe", silent),
        ("probe", http),
        ("pytest", silent),
        ("pytest", babbling),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_listens_is_no_smb_server(
    tmp_path: Path, server: Callable[[socket.socket], None], how: str
) -> None:
    (tmp_path / "test_own.py").write_text(SUITE)
    with fake_server(server) as port:
        nas(tmp_path, port)
        commands = {"run": ["run", "nas"], "probe": ["probe", "nas"], "pytest": ["--target", "nas"]}
        command = PYTEST if how == "pytest" else COMMAND
        done = run(*commands[how], cwd=tmp_path, command=command, NAS_PASSWORD="x")
    one_line(done, ExitCode.UNREACHABLE, "nas", f"127.0.0.1:{port}")


@pytest.mark.parametrize("how", ["run", "probe", "pytest"])
def test_nobody_listens(tmp_path: Path, how: str) -> None:
    (tmp_path / "test_own.py").write_text(SUITE)
    commands = {"run": ["run", "nas"], "probe": ["probe", "nas"], "pytest": ["--target", "nas"]}
    command = PYTEST if how == "pytest" else COMMAND
    with silent_port() as port:
        nas(tmp_path, port)
        done = run(*commands[how], cwd=tmp_path, command=command, NAS_PASSWORD="x")
    one_line(done, ExitCode.UNREACHABLE, "nas", f"127.0.0.1:{port}", "refused")


@pytest.mark.parametrize("how", ["run", "probe"])
def test_unknown_targets(call: Call, how: str) -> None:
    one_line(call(how, "nowhere"), ExitCode.USAGE, "no target 'nowhere'")
    for wrong in ("reference+no-such-defect", "reference@no-such-policy"):
        one_line(call(how, wrong), ExitCode.USAGE, "no-such-")


def test_a_password_that_is_not_there(tmp_path: Path, call: Call) -> None:
    (tmp_path / "test_own.py").write_text(SUITE)
    nas(tmp_path, 445)
    words = ("targets.yaml:", "password_env", "NAS_PASSWORD is not set")
    one_line(call("probe", "nas"), ExitCode.USAGE, *words)
    one_line(run("run", "nas", cwd=tmp_path), ExitCode.USAGE, *words)
    one_line(run("--target", "nas", cwd=tmp_path, command=PYTEST), ExitCode.USAGE, *words)
    one_line(run("--target", "nowhere", cwd=tmp_path, command=PYTEST), ExitCode.USAGE, "no target 'nowhere'")


MISTAKES = """\
targets:
  nas:
    kind: external
    addresses: ['127.0.0.1:99999']
    product: x
    colour: red
    deadline_scale: -1
  other:
    kind: toaster
"""


@pytest.mark.parametrize("how", ["run", "probe", "pytest"])
def test_a_targets_file_with_several_mistakes(tmp_path: Path, call: Call, how: str) -> None:
    """All of them are told at once, each with file, line and key."""
    (tmp_path / "test_own.py").write_text(SUITE)
    (tmp_path / "targets.yaml").write_text(MISTAKES)
    if how == "pytest":
        done = run("--target", "nas", cwd=tmp_path, command=PYTEST)
    else:
        done = call(how, "nas")
    for words in (
        ("targets.yaml:2:", "targets.nas.user"),
        ("targets.yaml:4:", "targets.nas.addresses"),
        ("targets.yaml:6:", "targets.nas.colour"),
        ("targets.yaml:7:", "targets.nas.deadline_scale"),
        ("targets.yaml:9:", "targets.other.kind", "toaster"),
    ):
        one_line(done, ExitCode.USAGE, *words)


@pytest.mark.parametrize(
    "text",
    [
        "", "targets:\n", "targets: [\n", "- 1\n- 2\n", "targets: {nas: 3}\n", "\0\0",
        "targets: &a {b: *a}\n", "a: 1\na: 2\n",
    ],
    ids=["empty", "null", "unclosed", "list", "number", "binary", "circle", "twice"],
)  # fmt: skip
def test_a_targets_file_that_is_none(tmp_path: Path, call: Call, text: str) -> None:
    (tmp_path / "targets.yaml").write_text(text)
    one_line(call("run", "nas"), ExitCode.USAGE, "targets.yaml")


def test_a_targets_file_in_another_encoding(tmp_path: Path, call: Call) -> None:
    (tmp_path / "targets.yaml").write_bytes("targets: {nas: {kind: 'größe'}}".encode("latin-1"))
    one_line(call("run", "nas"), ExitCode.USAGE, "targets.yaml", "UTF-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "reference", "--seed", "-1"],
        ["run", "reference", "--seed", "x"],
        ["run", "reference", "--no-such-option"],
        ["probe"],
        ["no-such-command"],
        ["explain", "no.such"],
        ["explain"],
        ["list", "surplus"],
        ["defects", "surplus"],
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense(call: Call, arguments: list[str]) -> None:
    one_line(call(*arguments), ExitCode.USAGE, "rror: ")


def test_workers_that_make_no_sense(tmp_path: Path) -> None:
    done = run("run", "reference", "-n", "many", cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_nothing_selected(tmp_path: Path) -> None:
    for arguments in (["-k", "no_such_name"], ["--case", "no.such"]):
        done = run("run", "reference", *arguments, cwd=tmp_path)
        assert done.returncode == ExitCode.NOTHING_SELECTED, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr


def test_records_that_cannot_be_written(tmp_path: Path) -> None:
    """The folder is a file: told before anything runs."""
    (tmp_path / "taken").write_text("")
    done = run(
        "run", "reference", "--case", "negotiate.highest-dialect", "--records", "taken/records.jsonl",
        cwd=tmp_path,
    )  # fmt: skip
    one_line(done, ExitCode.USAGE, "taken")


def test_a_server_that_ends_in_the_middle_loses_no_record(tmp_path: Path) -> None:
    """What ran is recorded, what could not run is known as missing, and the run is not green."""
    (tmp_path / "test_own.py").write_text(SUITE.replace("It negotiates again", "Its server is gone"))
    environment = {**os.environ, "PYTHONPATH": ROOT, "NAS_PASSWORD": "x"}
    server = subprocess.Popen(
        [*COMMAND, "serve", "--listen", "127.0.0.1:0", "--user", "tester", "--password-env", "NAS_PASSWORD"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        nas(tmp_path, port, shares={"plain": "share"}, deadline_scale=0.15)
        text = (tmp_path / "test_own.py").read_text()
        killing = f"    import os, signal\n    os.kill({server.pid}, signal.SIGKILL)\n    check(lab"
        (tmp_path / "test_own.py").write_text(text.replace("    check(lab", killing, 1))
        done = run("--target", "nas", cwd=tmp_path, command=PYTEST, NAS_PASSWORD="x")
    finally:
        server.kill()
        server.wait(PATIENCE)
        if server.stdout is not None:
            server.stdout.close()
    one_line(done, ExitCode.UNREACHABLE, "target nas went down and does not come back")
    records = read(tmp_path / "reports/latest/records.jsonl")
    assert [case.key for case in records.cases] == ["own.first", "own.second"]
    assert [(result.key, result.outcome) for result in records.results] == [("own.first", "crash")]
    assert [case.key for case in records.missing] == ["own.second"]


# serve


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "nonsense"], ["--listen", "nonsense"]),
        (["--listen", "localhost:4450"], ["--listen", "localhost"]),
        (["--listen", "127.0.0.1:99999"], ["--listen", "99999"]),
        (["--listen", "203.0.113.77:4450"], ["203.0.113.77:4450"]),
        (["--user", "joe", "--password-env", "NO_SUCH_VARIABLE"], ["NO_SUCH_VARIABLE is not set"]),
        (["--user", "joe"], ["--user", "--password-env"]),
        (["--policy", "no-such-policy"], ["no-such-policy"]),
        (["--defect", "no-such-defect"], ["no-such-defect"]),
        (["--share", "x"], ["'x'"]),
        (["--share", "x=/no/such/folder"], ["/no/such/folder"]),
        (["--share", "x=/etc/passwd"], ["/etc/passwd"]),
        (["--share", "x=memory,purple"], ["purple"]),
        (["--share", "=memory"], ["=memory"]),
        (["--min-dialect", "3.1.1", "--max-dialect", "2.1"], ["3.1.1", "2.1"]),
        (["--seed", "-3"], ["--seed"]),
    ],
)
def test_serve_refuses(call: Call, arguments: list[str], words: list[str]) -> None:
    done = call("serve", *arguments)
    one_line(done, ExitCode.USAGE, "rror: ", *words)
    assert "ready" not in done.stdout


def test_serve_on_a_port_in_use(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = call("serve", "--listen", f"127.0.0.1:{port}")
    one_line(done, ExitCode.USAGE, f"127.0.0.1:{port}", "in use")
