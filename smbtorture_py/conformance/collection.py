"""Finding the cases of a package of suites, or of a folder of somebody else's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
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


def collect_folders(folders: Sequence[Path]) -> list[Case]:
    """Import every `test_*.py` of these folders, or these files, as pytest does, and return their cases.

    Raises ImportError when one cannot be imported.
    """
    found = [path for folder in folders for path in _files(folder.resolve())]
    return [case for path in dict.fromkeys(found) for case in cases_of(_module_of(path))]


def _files(folder: Path) -> list[Path]:
    return [folder] if folder.is_file() else sorted(folder.rglob("test_*.py"))


def _module_of(path: Path) -> ModuleType:
    """Import a file by the name it has in its outermost package."""
    base = path.parent
    while (base / "__init__.py").is_file():
        base = base.parent
    name = ".".join(path.relative_to(base).with_suffix("").parts)
    with _importable_from(base):
        module = import_module(name)
    if module.__file__ is None or Path(module.__file__).resolve() != path:
        raise ImportError(f"there is another module called {name}, {module.__file__}")
    return module


@contextmanager
def _importable_from(base: Path) -> Iterator[None]:
    sys.path.insert(0, str(base))
    try:
        yield
    finally:
        sys.path.remove(str(base))


def _modules(package_name: str) -> Iterator[str]:
    package = import_module(package_name)
    for found in walk_packages(package.__path__, f"{package_name}."):
        if not found.ispkg and found.name.rpartition(".")[2].startswith("test_"):
            yield found.name
