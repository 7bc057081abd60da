"""The catalogue of defects: importing this package enters every one of them into `DEFECTS`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from smbtorture_py.server.defects.registry import DEFECTS, Defect, defect

__all__ = ["DEFECTS", "Defect", "defect"]

for _found in sorted(iter_modules(__path__), key=lambda module: module.name):
    import_module(f"{__name__}.{_found.name}")
