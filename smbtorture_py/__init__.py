"""A conformance and torture test suite for SMB 3 servers, deepest in multichannel."""

__version__ = "0.1.0"
