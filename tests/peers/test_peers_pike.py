"""pike's tests against the server: each passes, or there is a reason why it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import peer_pike
import peer_triage
import pytest
from peer_records import PeerRecord, Recorder
from peer_server import POLICIES, POLICY, Served

TIMEOUT = 400
"""Seconds for a module; Windows keeps a durable handle for 180 of them, which `durable` waits for."""
QUICK = ("negotiate", "session", "multichannel", "encryption", "invalid_session", "tree", "echo")
FULL = (
    "acl", "changenotify", "compound", "copychunk", "credit", "invalid_tree", "ioctl", "lease", "lock",
    "oplock", "query", "querydirectory", "queryondiskid", "readwrite", "reparse", "set", "durable",
    "persistent", "appinstanceid",
)  # fmt: skip
AVAILABLE = ("negotiate", "persistent", "appinstanceid")
"""Where pike asks for a continuously available share, on which Samba leases no more than R."""
SIGNED = ("negotiate", "session", "multichannel", "tree", "echo", "invalid_tree", "compound")
"""Where pike is told to sign: in Python, so that it takes ten times as long."""


@pytest.mark.parametrize("module", [*QUICK, *(pytest.param(one, marks=pytest.mark.full) for one in FULL)])
def test_module_passes_but_for_what_is_known(
    module: str, need: Callable[[str], None], recorder: Recorder, peer_folder: Path
) -> None:
    need("pike")
    policy = POLICIES.get(module, POLICY)
    storage = "memory,continuously-available" if module in AVAILABLE else "memory"
    with Served(peer_folder, storage=storage, policy=policy) as served:
        run = peer_pike.run(served, module, peer_folder, TIMEOUT, signed=module in SIGNED)
    recorder.keep(f"pike.{module}.txt", run.text)
    for result in run.results:
        recorder.add(
            PeerRecord(
                peer="pike", version=peer_pike.version(), policy=served.policy, area=module,
                name=result.name, outcome=result.outcome, reason=result.reason,
            )
        )  # fmt: skip
    found = peer_triage.problems("pike", module, run.results)
    assert not found, "\n".join(found)
    assert run.results
