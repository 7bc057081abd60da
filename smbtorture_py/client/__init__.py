"""The client core: connections, sessions and opens of an SMB2/3 client that does no I/O ([MS-SMB2] 3.2)."""
