"""Preauthentication integrity, key derivation, signing and encryption ([MS-SMB2] 3.1.4, 3.1.5.1).

Everything here is a pure function of its arguments: nonces are given by the caller, nothing is random.
"""
