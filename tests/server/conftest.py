"""A server with one share, and a client on it."""

from __future__ import annotations

import pytest
from durable_peer import CLIENT
from file_peer import FilePeer, file_server

from smbtorture_py.server.server import Server


@pytest.fixture
def server() -> Server:
    return file_server()


@pytest.fixture
def peer(server: Server) -> FilePeer:
    return FilePeer(server, guid=CLIENT)
