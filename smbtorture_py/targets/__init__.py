"""Servers to test: `targets.yaml`, how each kind is started, and what a probe finds."""
