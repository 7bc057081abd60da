"""Information classes of files and file systems, and security descriptors ([MS-FSCC] 2.4 to 2.8, [MS-DTYP]
2.4)."""
