"""Persistent handles on a continuously available share: what they survive, and what they keep out."""
