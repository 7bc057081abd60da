"""Other people's clients put, list, rename, get and delete files, over every dialect and protection."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import peer_impacket
import peer_smbclient
import peer_smbprotocol
import pytest
from peer_records import PeerRecord, Recorder
from peer_server import POLICY, Serving
from peer_transfers import LARGE_SIZE, SMALL_SIZES, Variant, journey

CLIENTS = {"smbclient": peer_smbclient, "smbprotocol": peer_smbprotocol, "impacket": peer_impacket}
STORAGES = ("memory", "directory")
IN_SLICE = (
    "smbclient-3.1.1-encrypted-AES-128-GCM",
    "smbprotocol-3.1.1-encrypted-AES-128-GCM",
    "impacket-3.0.2-encrypted",
)
"""What takes large files in the slice as well; impacket signs 3.1.1 in Python: a minute and a half."""


def journeys() -> list[object]:
    """Every client with every variant: small files from memory, and everything with large ones in full."""
    found: list[object] = []
    for name, module in CLIENTS.items():
        for variant in module.variants():
            found.append(pytest.param(module, variant, "memory", SMALL_SIZES, id=f"{name}-{variant}-small"))
            for storage in STORAGES:
                marks = () if storage == "directory" and f"{name}-{variant}" in IN_SLICE else pytest.mark.full
                sizes = (*SMALL_SIZES, LARGE_SIZE)
                found.append(
                    pytest.param(
                        module, variant, storage, sizes, id=f"{name}-{variant}-{storage}", marks=marks
                    )
                )
    return found


@pytest.mark.parametrize(("module", "variant", "storage", "sizes"), journeys())
def test_files_come_back_as_they_went(
    module: ModuleType,
    variant: Variant,
    storage: str,
    sizes: tuple[int, ...],
    need: Callable[[str], None],
    serving: Serving,
    recorder: Recorder,
    peer_folder: Path,
) -> None:
    need(module.__name__.removeprefix("peer_"))
    local = peer_folder / "local"
    local.mkdir()
    outcome, reason, began = "pass", "", time.monotonic()
    try:
        with module.client(serving(storage, variant.server), variant, local) as client:
            journey(client, local, sizes)
    except BaseException as error:
        outcome, reason = "fail", f"{type(error).__name__}: {error}"
        serving.drop()
        raise
    finally:
        recorder.add(
            PeerRecord(
                peer=module.__name__.removeprefix("peer_"), version=module.version(), policy=POLICY,
                area=storage, size=max(sizes), name=str(variant), outcome=outcome, reason=reason,
                seconds=round(time.monotonic() - began, 2),
            )
        )  # fmt: skip
