"""FSCTLs on files: server-side copy, sparse files and what else [MS-FSCC] has ([MS-SMB2] 3.3.5.15.5, .6,
.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open


class FileControlPolicy:
    """The choices around FSCTLs on files."""

    def not_allowed_status(self) -> Status:
        """What an FSCTL fails with that is not allowed on the server (SHOULD, 3.3.5.15)."""
        return Status.NOT_SUPPORTED

    def resume_key(self, open_: Open) -> bytes:
        """Open.ResumeKey: the DurableFileId, then the FileId, then zeros (SHOULD, 3.3.5.15.5)."""
        halves = open_.durable_file_id.to_bytes(8, "little") + open_.file_id.to_bytes(8, "little")
        return halves + bytes(8)

    def checks_locks(self) -> bool:
        """Whether a server-side copy meets byte-range locks (SHOULD, 3.3.5.15.6)."""
        return True

    def source_beyond_end_status(self) -> Status:
        """What a chunk fails with that reaches beyond the end of its source (the specification is silent)."""
        return Status.INVALID_VIEW_SIZE

    def copy_failure_has_response(self) -> bool:
        """Whether a copy that failed midway is answered with an IOCTL response (3.3.5.15.6.1).

        3.3.4.4 lets no status but INVALID_PARAMETER carry one, so that a client could not tell what it got:
        the failure is an ERROR response.
        """
        return False
