"""Requests that are executed whatever their number: on a file, on a directory, on no open at all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Unpack

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab import LabOpen, Sending
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from suites.sequence.changes import BEHIND, Change


def read(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """READ of all of the file."""
    return file.read(**how)


def flush(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """FLUSH."""
    return file.flush(**how)


def lock(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """LOCK of a byte behind the data, shared, so that it can be had again and again."""
    return file.lock(BEHIND, exclusive=False, **how)


def query_info(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """QUERY_INFO of the size."""
    return file.query_info(InfoType.FILE, FileInformationClass.FILE_STANDARD_INFORMATION, **how)


def query_directory(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """QUERY_DIRECTORY of a directory whose names have not been asked for."""
    return file.query_directory(**how)


def change_notify(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """CHANGE_NOTIFY of a directory, answered when a file appears in it."""
    how["wait"] = False
    answer = file.change_notify(CompletionFilter.FILE_NAME, **how)
    answer.wait_pending()
    return file.stir(answer)


def close(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """CLOSE."""
    return file.close(**how)


OF_FILES: Final[Mapping[str, Change]] = MappingProxyType(
    {"READ": read, "FLUSH": flush, "LOCK": lock, "QUERY_INFO": query_info}
)
"""By the name of the command: what can be done with a file that holds something."""

OF_DIRECTORIES: Final[Mapping[str, Change]] = MappingProxyType(
    {"QUERY_DIRECTORY": query_directory, "CHANGE_NOTIFY": change_notify, "QUERY_INFO": query_info}
)
"""By the name of the command: what can be done with a directory."""


def echo(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """ECHO in the session of the open."""
    return file.tree.session.send(EchoRequest(), **how)


def tree_connect(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """TREE_CONNECT to the share of the open once more."""
    return file.tree.session.tree_connect(file.tree.share, **how)


def tree_disconnect(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """TREE_DISCONNECT of a tree connect of its own."""
    return file.tree.session.tree(file.tree.share).disconnect(**how)


def create(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """CREATE that opens the same file once more."""
    return file.tree.create(file.name, **how)


WITHOUT_FILE: Final[Mapping[str, Change]] = MappingProxyType(
    {"ECHO": echo, "TREE_CONNECT": tree_connect, "TREE_DISCONNECT": tree_disconnect, "CREATE": create}
)
"""By the name of the command: requests that have no FileId."""
