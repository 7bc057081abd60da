"""The values of the enumerations, against the constants of two independent implementations."""

from __future__ import annotations

from enum import Enum

import pytest

from smbtorture_py.wire.change_notify import ChangeNotifyFlags, CompletionFilter, NotifyAction
from smbtorture_py.wire.close import CloseFlags
from smbtorture_py.wire.create import (
    AccessMask,
    CreateAction,
    CreateDisposition,
    CreateFlags,
    CreateOptions,
    ImpersonationLevel,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.error import ErrorId
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlFlags
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockFlags
from smbtorture_py.wire.negotiate import Capabilities, SecurityMode
from smbtorture_py.wire.oplock_break import LeaseBreakFlags
from smbtorture_py.wire.query_directory import QueryDirectoryFlags
from smbtorture_py.wire.query_info import QueryInfoFlags
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupFlags
from smbtorture_py.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType
from smbtorture_py.wire.write import WriteFlags

PREFIXES: list[tuple[type[Enum], str, int]] = [
    (Command, "SMB2_", 19),
    (HeaderFlags, "SMB2_FLAGS_", 6),
    (SecurityMode, "SMB2_NEGOTIATE_", 2),
    (Capabilities, "SMB2_GLOBAL_CAP_", 7),
    (SessionSetupFlags, "SMB2_SESSION_FLAG_", 1),
    (SessionFlags, "SMB2_SESSION_FLAG_", 3),
    (ShareType, "SMB2_SHARE_TYPE_", 3),
    (ShareFlags, "SMB2_SHAREFLAG_", 14),
    (ShareCapabilities, "SMB2_SHARE_CAP_", 4),
    (OplockLevel, "SMB2_OPLOCK_LEVEL_", 5),
    (ImpersonationLevel, "SMB2_IL_", 4),
    (AccessMask, "", 22),
    (ShareAccess, "FILE_SHARE_", 3),
    (CreateDisposition, "FILE_", 6),
    (CreateOptions, "FILE_", 18),
    (CreateAction, "FILE_", 4),
    (CreateFlags, "SMB2_CREATE_FLAG_", 1),
    (CloseFlags, "SMB2_CLOSE_FLAG_", 1),
    (WriteFlags, "SMB2_WRITEFLAG_", 1),
    (LockFlags, "SMB2_LOCKFLAG_", 3),
    (IoctlFlags, "SMB2_0_IOCTL_", 1),
    (QueryDirectoryFlags, "SMB2_", 4),
    (QueryInfoFlags, "SL_", 3),
    (ChangeNotifyFlags, "SMB2_", 1),
    (CompletionFilter, "SMB2_NOTIFY_CHANGE_", 12),
    (NotifyAction, "SMB2_ACTION_", 5),
    (LeaseState, "SMB2_LEASE_", 4),
    (LeaseBreakFlags, "SMB2_NOTIFY_BREAK_LEASE_FLAG_", 1),
    (ErrorId, "SMB2_ERROR_ID_", 1),
]
"""An enumeration, what its members are called elsewhere, and how many of them are known there at least."""

IMPACKET_WRONG = {"SMB2_FLAGS_REPLAY_OPERATION"}
"""0x80000000 there, 0x20000000 in [MS-SMB2] 2.2.1.2 and in pike."""


@pytest.mark.parametrize(
    ("enumeration", "prefix", "at_least"), PREFIXES, ids=lambda value: getattr(value, "__name__", "")
)
def test_values_are_those_of_impacket_and_pike(enumeration: type[Enum], prefix: str, at_least: int) -> None:
    impacket = pytest.importorskip("impacket.smb3structs")
    pike = pytest.importorskip("pike.smb2")
    compared = 0
    for name, member in enumeration.__members__.items():
        values = [
            int(getattr(module, prefix + name))
            for module in (impacket, pike)
            if isinstance(getattr(module, prefix + name, None), int)
            and not (module is impacket and prefix + name in IMPACKET_WRONG)
        ]
        assert set(values) <= {member.value}, name
        compared += bool(values)
    assert compared >= at_least
