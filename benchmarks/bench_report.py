"""How long a browser takes to open a compatibility report of 1,000 cases on 8 servers.

python benchmarks/bench_report.py [ROUNDS]    needs chromium and playwright
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from smbtorture_py.report.compatibility.matrix import build
from smbtorture_py.report.compatibility.page import compatibility_page
from smbtorture_py.results.outcome import Outcome, Verdict
from tests.made_records import result, run

CASES, VARIANTS, SERVERS = 1000, 3, 8
AREAS = ("negotiate", "session", "bind", "signing", "leases", "durable", "replay", "failover")


def page() -> str:
    """Return a report in which every seventh result is a known failure with a transcript of 12 kB."""
    runs = []
    for server in range(SERVERS):
        results = []
        for number in range(CASES):
            for variant in range(VARIANTS):
                key = f"{AREAS[number % len(AREAS)]}.case-{number}/dialect={variant}"
                fails = (number * VARIANTS + variant + server) % 7 == 0
                results.append(
                    result(
                        key, Outcome.FAIL, behaviour="samba", actual="ACCESS_DENIED", verdict=Verdict.KNOWN
                    )
                    if fails
                    else result(key)
                )
        runs.append(run(results, product=f"server-{server}", target=f"server-{server}"))
    transcript = "\n".join(
        f"{line / 1000:12.6f}  channel-1 ->  #{line} ECHO mid={line}" for line in range(220)
    )
    return compatibility_page(build(runs, rules={}, evidence=lambda _, one: f"{one.key}\n{transcript}"))


def main(rounds: int) -> None:
    """Make the report once, open it `rounds` times, and print seconds."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        began = time.perf_counter()
        path.write_text(page(), encoding="utf-8")
        print(f"made in {time.perf_counter() - began:.1f} s, {path.stat().st_size / 1e6:.1f} MB")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(rounds):
            tab = browser.new_page()
            began = time.perf_counter()
            tab.goto(path.as_uri())
            tab.wait_for_selector("html[data-ready]")
            opened = time.perf_counter() - began
            began = time.perf_counter()
            tab.fill("#search", "case-77")
            tab.wait_for_function("document.getElementById('count').textContent.startsWith('11 ')")
            searched = time.perf_counter() - began
            began = time.perf_counter()
            tab.locator("tr.row:not([hidden]) td").first.click()
            tab.wait_for_selector("dialog[open] h3")
            shown = time.perf_counter() - began
            print(f"opened {opened:.2f} s, searched {searched:.2f} s, details {shown:.2f} s")
            tab.close()
        browser.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
