"""Oplocks: what is granted, what breaks them, where breaks go and what ends them ([MS-SMB2] 3.3.4.6, 3.3.5.9,
3.3.5.22.1).
"""
