"""The catalogue of defects: importing this package enters every one of them into `DEFECTS`."""

from __future__ import annotations

from smbtorture_py.server.defects import compounds, interfaces, multichannel, negotiation, sealing
from smbtorture_py.server.defects.registry import DEFECTS, Defect, defect

__all__ = ["DEFECTS", "Defect", "compounds", "defect", "interfaces", "multichannel", "negotiation", "sealing"]
