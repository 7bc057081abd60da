"""Outcomes, records, expectations and verdicts: everything about results that needs no server."""
