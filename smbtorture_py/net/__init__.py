"""The only place with sockets and clocks: worlds, simulated network, reactor, faults, capture taps."""
