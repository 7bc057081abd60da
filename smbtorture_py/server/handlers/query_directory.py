"""QUERY_DIRECTORY ([MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3)."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from smbtorture_py.server.open import Enumeration, Open
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.short_name import is_short, short_name
from smbtorture_py.server.storage import DirectoryEntry, NodeInfo, StorageError
from smbtorture_py.server.wildcards import MATCH_ALL, matches
from smbtorture_py.wire.codec import align, encode_text
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.fscc.directory_information import (
    DIRECTORY_ENTRIES,
    FileDirectoryInformation,
    FileNamesInformation,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes, FileInformationClass
from smbtorture_py.wire.query_directory import (
    QueryDirectoryFlags,
    QueryDirectoryRequest,
    QueryDirectoryResponse,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

EntryType: TypeAlias = type[FileDirectoryInformation] | type[FileNamesInformation]
_ALIGNMENT: Final = 8
_DOT, _DOT_DOT = ".", ".."
_NOT_SERVED: Final = (FileInformationClass.FILE_ID_GLOBAL_TX_DIRECTORY_INFORMATION,)
_FILE_ID_SIZE: Final = 16
_SHORT_NAME_SIZE: Final = 24
_RESTARTING: Final = QueryDirectoryFlags.RESTART_SCANS | QueryDirectoryFlags.REOPEN


def handle(server: Server, request: Request, now: float) -> Outcome:
    """List a directory, from where the last request on this open has stopped."""
    body = cast(QueryDirectoryRequest, request.body)
    policies, policy = server.policies, server.policies.directory
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    if not open_.is_directory:
        return Reply(policy.not_a_directory_status(reopens=bool(body.flags & QueryDirectoryFlags.REOPEN)))
    for status in (
        policies.information.size_status(request.connection, body.output_buffer_length),
        policies.message.payload_status(request.connection, request.header, body.output_buffer_length),
        Status.SUCCESS if open_.has_access(AccessMask.FILE_LIST_DIRECTORY) else Status.ACCESS_DENIED,
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    kind = DIRECTORY_ENTRIES.get(body.file_information_class)
    if kind is None or body.file_information_class in _NOT_SERVED:
        return Reply(policies.information.unknown_class_status())
    if body.output_buffer_length < kind.LAYOUT.size:
        return Reply(policy.fixed_part_too_large_status())
    try:
        scan, is_first = _scan(open_, body)
    except StorageError as error:
        return Reply(error.status)
    return _fill(server, open_, body, kind, scan, is_first=is_first)


def _names(open_: Open) -> list[str]:
    """All names, "." and ".." first."""
    return [_DOT, _DOT_DOT, *(entry.name for entry in open_.storage.entries(open_.node))]


def _entry(open_: Open, name: str) -> DirectoryEntry | None:
    """Query one entry as it is now, None where it has gone; of the root "." and ".." are both the root."""
    if name == _DOT or (name == _DOT_DOT and not open_.path):
        return DirectoryEntry(name, open_.node.info())
    try:
        node = open_.storage.lookup(open_.path[:-1] if name == _DOT_DOT else (*open_.path, name))
    except StorageError:
        return None
    if node is None:
        return None
    entry = DirectoryEntry(name, node.info())
    node.close()
    return entry


def _scan(open_: Open, body: QueryDirectoryRequest) -> tuple[Enumeration, bool]:
    """Continue the scan of the open, or begin one; the pattern is that of the first request (3.3.5.18)."""
    scan = open_.enumeration
    is_first = scan is None or bool(body.flags & _RESTARTING)
    if scan is None or is_first:
        kept = scan.pattern if scan is not None and not body.flags & QueryDirectoryFlags.REOPEN else ""
        pattern = body.file_name or kept or MATCH_ALL
        scan = open_.enumeration = Enumeration(
            pattern, [name for name in _names(open_) if matches(pattern, name)]
        )
    return scan, is_first


def _fill(
    server: Server,
    open_: Open,
    body: QueryDirectoryRequest,
    kind: EntryType,
    scan: Enumeration,
    *,
    is_first: bool,
) -> Outcome:
    """Put as many entries into the response as fit, one where only one is wanted."""
    policy = server.policies.directory
    chunks: list[bytes] = []
    size = 0
    while scan.position < len(scan.names):
        entry = _entry(open_, scan.names[scan.position])
        if entry is None:
            # It was removed since the scan began.
            scan.position += 1
            continue
        encoded = _encode(kind, entry)
        start = align(size, _ALIGNMENT)
        if start + len(encoded) > body.output_buffer_length:
            if not chunks:
                # Not even one: the name is cut off, and the scan stays where it is.
                truncated = encoded[: body.output_buffer_length]
                return Reply(policy.entry_too_large_status(), QueryDirectoryResponse(output_buffer=truncated))
            break
        if chunks:
            previous = chunks[-1]
            chunks[-1] = (
                (start - (size - len(previous))).to_bytes(4, "little") + previous[4:] + bytes(start - size)
            )
        chunks.append(encoded)
        size = start + len(encoded)
        scan.position += 1
        if body.flags & QueryDirectoryFlags.RETURN_SINGLE_ENTRY:
            break
    if not chunks:
        return Reply(policy.first_without_match_status() if is_first else policy.end_status())
    return Reply(Status.SUCCESS, QueryDirectoryResponse(output_buffer=b"".join(chunks)))


def _encode(kind: EntryType, entry: DirectoryEntry) -> bytes:
    """Encode one entry, NextEntryOffset zero."""
    if issubclass(kind, FileNamesInformation):
        return kind(file_name=entry.name).encode()
    info = entry.info
    values: dict[str, object] = {
        **info.network_open(),
        "file_attributes": attributes_of(info),
        "ea_size": info.ea_size,
    }
    known = {field.name: field.type for field in fields(kind)}
    encoded = kind(file_name=entry.name)
    if "short_name" in known and entry.name not in (_DOT, _DOT_DOT) and not is_short(entry.name):
        short = encode_text(short_name(entry.name))
        values |= {"short_name": short.ljust(_SHORT_NAME_SIZE, b"\0"), "short_name_length": len(short)}
    for name, value in values.items():
        if name in known:
            setattr(encoded, name, value)
    if "file_id" in known:
        wide = info.file_id.to_bytes(_FILE_ID_SIZE, "little")
        setattr(encoded, "file_id", wide if known["file_id"] == "bytes" else info.file_id)  # noqa: B010
    if "file_id128" in known:
        setattr(encoded, "file_id128", info.file_id.to_bytes(_FILE_ID_SIZE, "little"))  # noqa: B010
    return encoded.encode()


def attributes_of(info: NodeInfo) -> FileAttributes:
    """The attributes as they are shown: NORMAL where there are none."""
    return FileAttributes(info.file_attributes or FileAttributes.NORMAL)
