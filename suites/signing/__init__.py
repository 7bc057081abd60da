"""Signing: which requests are verified and how, which responses are signed."""
