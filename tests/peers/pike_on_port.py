"""Runs pike's tests where the server does not listen on port 445: some of them connect without naming a port.

python pike_on_port.py PORT MODULE...
"""

from __future__ import annotations

import sys
import unittest

from pike import model


def main(port: int, modules: list[str]) -> None:
    """Make `port` what pike takes by default, and run the modules."""
    model.Client.connect.__defaults__ = (port,)
    model.Client.connect_submit.__defaults__ = (port,)
    model.Connection.__init__.__defaults__ = (port,)
    unittest.main(module=None, argv=["pike", "-v", *modules], warnings="ignore")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
