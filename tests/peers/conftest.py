"""What tests of peers share: whether a peer is here, the server, and where records go."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import peer_page
import pytest
from peer_records import RECORDS, Recorder, read_records
from peer_server import POLICY, ROOT, Serving

VARIABLE = "SMBTORTURE_PEERS"
RAN = pytest.StashKey[bool]()
REPORTS = ROOT / "reports" / "peers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("peer")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what this run found, as tables."""
    if terminalreporter.config.stash.get(RAN, False):
        records = read_records(REPORTS)
        for name in ("smbtorture", "pike"):
            if any(record.peer == name for record in records):
                exceptions = "unless docs/peers.md says otherwise"
                terminalreporter.write_line(f"\n{name}, under the policy {POLICY} {exceptions}")
                terminalreporter.write(peer_page.suites_table(records, name))
        if any(record.peer in peer_page.TRANSFER_PEERS for record in records):
            terminalreporter.write_line(f"\nfiles that came back intact, under the policy {POLICY}")
            terminalreporter.write(peer_page.transfers_table(records))


@pytest.fixture(scope="session")
def recorder(request: pytest.FixtureRequest) -> Recorder:
    """Where this run's records go: reports/peers, which begins empty."""
    if REPORTS.is_dir():
        for path in REPORTS.iterdir():
            if path.suffix in (".jsonl", ".txt"):
                path.unlink()
    request.config.stash[RAN] = True
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / RECORDS).touch()
    return Recorder(REPORTS)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Servers for tests that leave their share as they found it; each must end cleanly."""
    servers = Serving(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.stop()


@pytest.fixture
def peer_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for one peer's files, gone afterwards: transfers are large."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(scope="session")
def need() -> Callable[[str], None]:
    """Skip where a program or package is missing, or fail where the environment requires the peers."""

    def check(name: str) -> None:
        if shutil.which(name) is not None or importlib.util.find_spec(name) is not None:
            return
        text = f"{name} is not installed"
        if os.environ.get(VARIABLE) == "require":
            pytest.fail(text)
        pytest.skip(text)

    return check
