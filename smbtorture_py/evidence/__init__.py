"""What is left of a run to look at: a capture, the keys to it, and a transcript of all channels."""
