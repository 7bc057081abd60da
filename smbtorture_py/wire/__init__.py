"""SMB 2 and 3 messages to bytes and back: pure functions, no I/O, no clock ([MS-SMB2] section 2, revision 84)."""
