"""Somebody else on the same server, who must not notice what a case does."""

from __future__ import annotations

from smbtorture_py.conformance.lab import CLIENT_GUID_SIZE, Lab, LabSession


def another_client(lab: Lab) -> LabSession:
    """Log on as a client with a ClientGuid of its own, with the dialect of the variant where it has one;
    blocks the case where even that does not work.
    """
    return lab.logon(offer={"client_guid": lab.entropy(CLIENT_GUID_SIZE)})
