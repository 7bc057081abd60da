"""Channel sequence numbers: which requests are in order, which are stale, and what is still outstanding."""
