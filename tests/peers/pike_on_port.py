"""Runs pike's tests where the server does not listen on port 445: some of them connect without naming a port.

python pike_on_port.py PORT MODULE...          unittest's text
python pike_on_port.py PORT --junitxml=FILE MODULE...    the same run by pytest
"""

from __future__ import annotations

import sys
import unittest

import pytest
from pike import model


def main(port: int, modules: list[str]) -> None:
    """Make `port` what pike takes by default, and run the modules."""
    model.Client.connect.__defaults__ = (port,)
    model.Client.connect_submit.__defaults__ = (port,)
    model.Connection.__init__.__defaults__ = (port,)
    if modules[0].startswith("--junitxml="):
        sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", modules[0], "--pyargs", *modules[1:]]))
    unittest.main(module=None, argv=["pike", "-v", *modules], warnings="ignore")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
