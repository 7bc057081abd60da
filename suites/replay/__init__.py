"""Replays: a CREATE that comes again, other requests that come again, lock sequences."""
