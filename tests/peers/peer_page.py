"""What the peers found, as tables: docs/peers.md after a full run, and the end of every run's output.

python peer_page.py RECORDS_FOLDER PAGE
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import peer_triage
from peer_baseline import SUITES
from peer_records import PeerRecord, read_records
from peer_server import POLICY

TRANSFER_PEERS: Final = ("smbclient", "smbprotocol", "impacket")
LEFT_OUT: Final = {
    ("smbprotocol", "3.1.1-none"): "ends the connection: its TREE_CONNECT is unsigned (MS-SMB2 3.3.5.7)",
    ("impacket", "3.1.1-none"): "always signs",
}
MEBIBYTE: Final = 1024 * 1024
HEAD: Final = f"""# Peers

Programs of other people judge the reference server from outside: it is started as its users start it
(`smbtorture-py serve`), **under the policy `{POLICY}`** unless a section says otherwise, on TCP over
loopback. `make peers` runs everything, keeps the records and the peers' own output in `reports/peers/`, and
writes this page; `make test` runs a slice. The tests are in `tests/peers/`. What is known not to pass is in
`tests/peers/triage.yaml`: a test fails where something is missing there, or is no longer true.

The policy is `{POLICY}` because the strictest judge, smbtorture, is Samba's own: its test session-id, for
one, keeps 32 bits of a SessionId, which is all that Samba uses. `serve --smbtorture-controls` lets smbtorture
prepare the server by a private FSCTL, as Samba does for its own tests.
"""
TRANSFERS: Final = """## Transfers

Files of 0, 1, 65535 and 65537 bytes, 1 MiB + 1 and 64 MiB are put, listed, renamed, got, compared and
deleted. The client forces dialect, protection and algorithm (for impacket the server's settings do). A cell
names the largest file that came back as it went, and what the share was stored in.
"""
PIKE: Final = """## pike

Its share is continuously available where it asks for that. Three modules are about what Samba does not
have, resilient handles, persistent ones of every kind and application instances: `durable` runs under the
policy `windows`, `persistent` and `appinstanceid` run under `specification`.
"""
SMBTORTURE: Final = """## smbtorture

The columns of smbd are what Samba 4.17's own server passes and skips.
"""
WHY: Final = "What does not pass, and why:\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def _of(records: Iterable[PeerRecord], *peers: str) -> list[PeerRecord]:
    return [record for record in records if record.peer in peers]


def _areas(records: Iterable[PeerRecord]) -> dict[str, list[PeerRecord]]:
    found: dict[str, list[PeerRecord]] = {}
    for record in records:
        found.setdefault(record.area, []).append(record)
    return found


def suites_table(records: Sequence[PeerRecord], peer: str) -> str:
    """Return how the suites of a peer went; smbtorture's beside what smbd passes."""
    with_baseline = peer == "smbtorture"
    head = ["suite", "pass", "fail", "skip", *(["smbd: pass", "smbd: skip"] if with_baseline else [])]
    rows = []
    for area, found in _areas(_of(records, peer)).items():
        count = Counter(record.outcome for record in found)
        row = [area, str(count["pass"]), str(count["fail"] + count["error"]), str(count["skip"])]
        if with_baseline:
            row += [str(SUITES[area].passes), str(SUITES[area].skips)]
        rows.append(row)
    return table(head, rows)


def reasons_table(records: Sequence[PeerRecord], peer: str) -> str:
    """Return every test of a peer that does not pass, and why."""
    rows = []
    for area, found in _areas(_of(records, peer)).items():
        known = peer_triage.load(peer, area)
        for record in found:
            if record.outcome != "pass":
                reason = known[record.name].reason if record.name in known else f"not known: {record.reason}"
                rows.append([f"{area}.{record.name}", record.outcome, " ".join(reason.split())])
    return table(["test", "outcome", "why"], rows)


def transfers_table(records: Sequence[PeerRecord]) -> str:
    """Return the largest file that came back intact, by client and variant."""
    found = _of(records, *TRANSFER_PEERS)
    variants = {record.name for record in found} | {name for _, name in LEFT_OUT}
    rows = []
    for variant in sorted(variants, key=_order):
        row = [variant]
        for peer in TRANSFER_PEERS:
            cells = [record for record in found if (record.peer, record.name) == (peer, variant)]
            row.append(_cell(cells) or LEFT_OUT.get((peer, variant), ""))
        rows.append(row)
    return table(["dialect, protection, algorithm", *TRANSFER_PEERS], rows)


def _order(variant: str) -> tuple[str, int, str]:
    dialect, protection, *algorithm = variant.split("-", 2)
    return dialect, ("none", "signed", "encrypted").index(protection), "".join(algorithm)


def _cell(records: Sequence[PeerRecord]) -> str:
    """Return one client's result for one variant: the largest size by storage, or what failed."""
    if failed := [record.area for record in records if record.outcome != "pass"]:
        return f"**fails** ({', '.join(failed)})"
    largest: dict[str, int] = {}
    for record in records:
        largest[record.area] = max(record.size, largest.get(record.area, 0))
    sizes: dict[int, list[str]] = {}
    for area, size in largest.items():
        sizes.setdefault(size // MEBIBYTE, []).append(area)
    return "; ".join(f"{size} MiB ({', '.join(areas)})" for size, areas in sorted(sizes.items()))


def page(records: Sequence[PeerRecord]) -> str:
    """Return the whole page."""
    versions = sorted({(record.peer, record.version) for record in records})
    return "\n".join(
        (
            HEAD,
            table(["peer", "version"], versions),
            SMBTORTURE,
            suites_table(records, "smbtorture"),
            WHY,
            reasons_table(records, "smbtorture"),
            TRANSFERS,
            transfers_table(records),
            PIKE,
            suites_table(records, "pike"),
            WHY,
            reasons_table(records, "pike"),
        )
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(read_records(Path(sys.argv[1]))), encoding="utf-8")
