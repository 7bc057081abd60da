"""Cases, checks, the lab a case works in, and the catalogue of requirements.

A suite imports its vocabulary from here: `from smbtorture_py.conformance import SMB3, Lab, case, check`.
"""
