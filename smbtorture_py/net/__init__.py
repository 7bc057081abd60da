"""The only place with sockets and clocks: worlds, the simulated network, the reactor, faults and capture taps."""
