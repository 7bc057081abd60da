"""Named pipes: FSCTL_PIPE_WAIT and FSCTL_PIPE_PEEK ([MS-FSCC] 2.3.45 to 2.3.50)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from smbtorture_py.wire.chain import Enums, Structure
from smbtorture_py.wire.codec import AUTO
from smbtorture_py.wire.fscc.information_class import PipeState


@dataclass(slots=True)
class PipeWaitRequest(Structure):
    """FSCTL_PIPE_WAIT request ([MS-FSCC] 2.3.49); `timeout` in 100 ms, used where `timeout_specified`."""

    LAYOUT = struct.Struct("<qIBB")
    WIRE_ORDER = ("timeout", "name_length", "timeout_specified", "padding")
    TAILS = (("name_length", "name"),)
    TEXT = frozenset({"name"})

    name: str
    timeout: int = 0
    name_length: int = AUTO
    timeout_specified: int = 0
    padding: int = 0


@dataclass(slots=True)
class PipePeekResponse(Structure):
    """FSCTL_PIPE_PEEK reply ([MS-FSCC] 2.3.46): 16 bytes; the data of the pipe is `trailing`."""

    LAYOUT = struct.Struct("<IIII")
    ENUMS: ClassVar[Enums] = {"named_pipe_state": PipeState}

    named_pipe_state: int = PipeState.CONNECTED
    read_data_available: int = 0
    number_of_messages: int = 0
    message_length: int = 0
