"""SMB 2 and 3 messages to bytes and back, without I/O or clock ([MS-SMB2] section 2, revision 84)."""
