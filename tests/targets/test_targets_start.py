"""Targets that are not what they should be, and the private smbd."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from smbtorture_py.conformance.target import Account, Target
from smbtorture_py.net.core import Address
from smbtorture_py.targets.bench import bench_from, reference_bench
from smbtorture_py.targets.errors import TargetError, TargetUnreachable
from smbtorture_py.targets.model import SambaModel
from smbtorture_py.targets.probe import probe
from smbtorture_py.targets.samba import PrivateSamba

needs_samba = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("smbd") is None, reason="needs root and an installed smbd"
)


def target(port: int) -> Target:
    return Target(
        name="odd", addresses=(Address("127.0.0.1", port),), product="x", version="1",
        user=Account("u", "p"), deadline_scale=0.02,
    )  # fmt: skip


def test_nobody_listens():
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TargetUnreachable, match=r"127\.0\.0\.1"):
            probe(target(taken.getsockname()[1]))


def test_a_silent_server():
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        pytest.raises(TargetUnreachable, match="is silent"),
    ):
        probe(target(silent.getsockname()[1]))


def test_the_bundled_server_shows_what_it_declares():
    bench = reference_bench("reference", "specification", (), None, 1)
    with bench.place(1) as (world, placed):
        found = probe(placed, world)
    assert found.logon == "SUCCESS"
    assert [one["address"] for one in found.interfaces] == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    assert (
        not {one for one in placed.capabilities if one.startswith(("dialect", "cipher"))} - found.capabilities
    )


def test_a_bench_can_be_handed_over():
    bench = reference_bench("reference", "specification", ("bind-unsigned-accepted",), None, 1)
    again = bench_from(bench.handover())
    assert again.target == bench.target
    assert again.handover() == bench.handover()


def test_samba_that_is_not_installed():
    with pytest.raises(TargetError, match="not installed"):
        PrivateSamba("samba", SambaModel(kind="samba", smbd="no-such-smbd")).start()


@needs_samba
def test_a_private_samba_and_nothing_left_of_it():
    samba = PrivateSamba("samba", SambaModel(kind="samba"))
    started = samba.start()
    try:
        folder = samba._directory
        found = probe(started)
        assert found.logon == "SUCCESS"
        assert {one["address"] for one in found.interfaces} == {"127.0.0.1", "127.0.0.2"}
    finally:
        samba.stop()
    assert not folder.exists()
    with pytest.raises(TargetUnreachable):
        probe(started)


def test_roots_that_hold_no_samba(tmp_path):
    with pytest.raises(TargetError, match=r"target old: .* is not a directory"):
        PrivateSamba("old", SambaModel(kind="samba", root=str(tmp_path / "nowhere"))).start()
    with pytest.raises(TargetError, match=r"target old: .*smbd --version says"):
        PrivateSamba("old", SambaModel(kind="samba", root=str(tmp_path))).start()


@needs_samba
def test_a_samba_in_a_root():
    samba = PrivateSamba("old", SambaModel(kind="samba", root="/"))
    started = samba.start()
    try:
        folder = samba._directory
        assert (folder / "share").is_dir()
        assert f"{folder}" not in (folder / "smb.conf").read_text()
        assert probe(started).logon == "SUCCESS"
    finally:
        samba.stop()
    assert not folder.exists()
    assert str(folder) not in Path("/proc/self/mounts").read_text()


@needs_samba
def test_a_samba_of_ones_own_build(tmp_path):
    for folder, program in (("sbin", "smbd"), ("bin", "smbpasswd")):
        (tmp_path / folder).mkdir()
        script = tmp_path / folder / program
        script.write_text(f'#!/bin/sh\ntouch {tmp_path}/{program}.ran\nexec {shutil.which(program)} "$@"\n')
        script.chmod(0o755)
    samba = PrivateSamba("mine", SambaModel(kind="samba", smbd=f"{tmp_path}/sbin/smbd"))
    try:
        assert probe(samba.start()).logon == "SUCCESS"
    finally:
        samba.stop()
    assert {one.name for one in tmp_path.glob("*.ran")} == {"smbd.ran", "smbpasswd.ran"}


@needs_samba
def test_samba_goes_when_its_parent_is_killed(tmp_path):
    script = (
        "from smbtorture_py.targets.samba import PrivateSamba\n"
        "from smbtorture_py.targets.model import SambaModel\n"
        "import time\n"
        "samba = PrivateSamba('samba', SambaModel(kind='samba'))\n"
        "target = samba.start()\n"
        "print(target.addresses[0].port, samba._directory, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    port, folder = parent.stdout.readline().split()
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
        pass
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 15
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(port)), timeout=5)
