"""Leases: what is granted, what breaks them, where breaks go and what ends them ([MS-SMB2] 3.3.4.7,
3.3.5.9.8, 3.3.5.9.11, 3.3.5.22.2).
"""
