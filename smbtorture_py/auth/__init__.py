"""Authentication as SMB carries it: NTLMv2 in SPNEGO or raw NTLMSSP, as initiator and as acceptor.

No clock and no randomness of its own: `entropy` and `now` are arguments, equal ones give equal tokens.
"""
