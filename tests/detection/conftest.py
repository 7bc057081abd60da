"""Prints both numbers of the detection matrix at the end of the run, also when workers ran it."""

from __future__ import annotations

from collections import Counter

import pytest

NUMBERS = {
    "test_every_defect_is_noticed_for_what_it_breaks": "defects are noticed",
    "test_every_case_that_judges_a_must_is_made_to_fail": "cases that judge a MUST are made to fail",
    "test_what_covers_a_requirement_holds": "requirements are covered",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, title in NUMBERS.items():
        outcomes = Counter(
            outcome
            for outcome in ("passed", "failed")
            for report in terminalreporter.getreports(outcome)
            if f"::{name}[" in report.nodeid
        )
        if outcomes:
            terminalreporter.write_line(f"{outcomes['passed']} of {outcomes.total()} {title}")
