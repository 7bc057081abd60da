"""Encryption: sealed requests and responses, and where they are required."""
