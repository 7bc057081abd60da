"""What LOGOFF and the loss of a connection do to what waits, and to others ([MS-SMB2] 3.3.5.6, 3.3.7.1)."""
