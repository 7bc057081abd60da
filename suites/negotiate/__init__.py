"""NEGOTIATE: dialects, capabilities and contexts."""
