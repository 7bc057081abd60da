"""Model-based stateful scenarios, fuzzers and load: front ends of the same worlds, cores and cases."""
