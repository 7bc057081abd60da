"""What the server serves: memory, or a directory of the host."""
