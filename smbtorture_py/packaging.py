"""How the package is built: the targets.yaml of the top level goes into it, beside the code that reads it.

In a checkout there is one real file, at the top level, where people look for it and edit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from setuptools.command.build_py import build_py

TARGETS: Final = "targets.yaml"


class BuildPy(build_py):  # type: ignore[misc]  # setuptools has no types
    """Builds the Python files, and copies targets.yaml among them."""

    def run(self) -> None:
        """Build; an editable installation finds the file where it is."""
        super().run()
        if not self.editable_mode:
            self.copy_file(TARGETS, str(Path(self.build_lib, "smbtorture_py", "targets", TARGETS)))

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs."""
        return [*super().get_source_files(), TARGETS]
