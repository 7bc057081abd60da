"""Finding the cases of a package of suites."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

from smbtorture_py.conformance.case import Case, case_of


def cases_of(module: ModuleType) -> list[Case]:
    """Return the cases that a module defines, in the order in which they are written."""
    found = (case_of(value) for value in vars(module).values())
    return [case for case in found if case is not None and case.module == module.__name__]


def collect(package_name: str = "suites") -> list[Case]:
    """Import every `test_*` module of a package and return its cases, by module and then as written.

    Raises ImportError when the package (or a module of it) cannot be imported.
    """
    return [case for name in sorted(_modules(package_name)) for case in cases_of(import_module(name))]


def _modules(package_name: str) -> Iterator[str]:
    package = import_module(package_name)
    for found in walk_packages(package.__path__, f"{package_name}."):
        if not found.ispkg and found.name.rpartition(".")[2].startswith("test_"):
            yield found.name
