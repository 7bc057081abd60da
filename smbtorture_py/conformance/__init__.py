"""Cases, checks, the lab a case works in, and the catalogue of requirements.

A suite takes `case` from `.case`, `check` from `.checks`, `Lab` from `.lab` and what it needs from `.needs`.
"""
