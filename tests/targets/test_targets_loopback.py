"""Addresses that several servers share on the loopback interface."""

import os
import subprocess
from pathlib import Path

import pytest

from smbtorture_py.targets import loopback
from smbtorture_py.targets.loopback import LoopbackAddress

ADDRESS = "127.99.88.77"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def is_there() -> bool:
    shown = subprocess.run(
        ["ip", "-o", "addr", "show", "dev", "lo"], capture_output=True, text=True, check=True
    )
    return f" {ADDRESS}/" in shown.stdout


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(loopback.tempfile, "gettempdir", lambda: str(tmp_path))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_user_takes_an_address_away(tmp_path, order):
    users = [LoopbackAddress(ADDRESS), LoopbackAddress(ADDRESS)]
    first, last = (users[number] for number in order)
    first.release()
    assert is_there()
    last.release()
    assert not is_there()
    assert not list(Path(tmp_path).iterdir())


def test_an_address_of_somebody_else_stays():
    subprocess.run(["ip", "addr", "add", f"{ADDRESS}/8", "dev", "lo"], check=True)
    try:
        LoopbackAddress(ADDRESS).release()
        assert is_there()
    finally:
        subprocess.run(["ip", "addr", "del", f"{ADDRESS}/8", "dev", "lo"], check=True)
