"""A session whose channels die: what was under way, what waits, what is kept, and what comes after."""
