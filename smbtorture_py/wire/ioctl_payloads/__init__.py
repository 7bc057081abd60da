"""What FSCTL requests and responses carry ([MS-SMB2] 2.2.31 and 2.2.32, [MS-FSCC] 2.3): one module per
family."""
