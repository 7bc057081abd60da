"""The command line, called in this process."""

from __future__ import annotations

import pytest

from smbtorture_py.cli import main


def call(*arguments: str) -> int:
    """Return the exit code of `smbtorture-py ARGUMENTS`."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)
