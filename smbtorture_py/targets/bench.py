"""Benches: where a case gets its world and its target from, in this process or handed over from
another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Final, Protocol, TypeAlias

from pydantic import TypeAdapter

from smbtorture_py import __version__
from smbtorture_py.conformance.target import Target
from smbtorture_py.net.core import Address
from smbtorture_py.net.entropy import seeded
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.simulated import SimulatedWorld
from smbtorture_py.net.world import World
from smbtorture_py.targets.model import ServerSettings
from smbtorture_py.targets.reference import (
    SIMULATED_ADDRESSES,
    ReferenceAdministration,
    ReferenceControl,
    ReferenceSetup,
    reference_setup,
)

Handover: TypeAlias = Mapping[str, object]
"""Everything another process needs to use the same target: plain values only. Holds passwords: never
recorded.
"""

SIMULATED: Final = "simulated"
LOOPBACK: Final = "loopback"
REMOTE: Final = "tcp"


class Bench(Protocol):
    """A target that is up; `target` describes it (an in-process one has its addresses only inside
    `place`).
    """

    @property
    def target(self) -> Target:
        """What records say about it."""

    @property
    def world(self) -> str:
        """The kind of world that cases run in: simulated, loopback or tcp."""

    def place(self, seed: int) -> AbstractContextManager[tuple[World, Target]]:
        """Give one case a world of its own, and the target in it."""

    @property
    def is_shared(self) -> bool:
        """All cases meet the same server, so that one can disturb another."""

    @property
    def is_repeatable(self) -> bool:
        """The same case with the same seed shows the same again, byte for byte."""

    def handover(self) -> Handover:
        """Return what `bench_from` makes the same bench of."""


class ReferenceBench:
    """The bundled server in this process: each case has a new server, on the simulated network or on loopback
    TCP.
    """

    def __init__(
        self,
        name: str,
        setup: ReferenceSetup,
        hosts: tuple[str, ...] | None,
        world_seed: int,
        configuration: str,
    ) -> None:
        self._setup = setup
        self._configuration = configuration
        self._hosts = hosts
        self._seed = world_seed
        addresses = SIMULATED_ADDRESSES if hosts is None else tuple(Address(host, 0) for host in hosts)
        self._target = setup.target(name, addresses, __version__)

    @property
    def target(self) -> Target:
        """What records say about it."""
        return self._target

    @property
    def world(self) -> str:
        """The kind of world that cases run in."""
        return SIMULATED if self._hosts is None else LOOPBACK

    @contextmanager
    def place(self, seed: int) -> Iterator[tuple[World, Target]]:
        """Give one case a world and a server of its own."""
        world: World = SimulatedWorld(seed) if self._hosts is None else RealWorld(seed)
        try:
            server = self._setup.server(self._target.addresses, world.entropy("server"), world.now)
            control = ReferenceControl(self._setup, world, server, self._target.addresses)
            administration = ReferenceAdministration(control)
            name = self._target.name
            yield (
                world,
                self._setup.target(name, control.addresses, __version__, administration, control),
            )
        finally:
            world.close()

    @property
    def is_shared(self) -> bool:
        """Each case has a server of its own."""
        return False

    @property
    def is_repeatable(self) -> bool:
        """The simulated network has no other chance than its seed."""
        return self._hosts is None

    def handover(self) -> Handover:
        """Return what another process needs."""
        return {
            "kind": "reference",
            "name": self._target.name,
            "policy": self._setup.policy,
            "defects": list(self._setup.defects),
            "hosts": None if self._hosts is None else list(self._hosts),
            "seed": self._seed,
            "settings": self._setup.settings.model_dump(),
            "configuration": self._configuration,
        }


class RemoteBench:
    """A server outside this process."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def target(self) -> Target:
        """What records say about it."""
        return self._target

    @property
    def world(self) -> str:
        """The kind of world that cases run in."""
        return REMOTE

    @contextmanager
    def place(self, seed: int) -> Iterator[tuple[World, Target]]:
        """Give one case a world of its own."""
        world = RealWorld(seed)
        try:
            yield world, self._target
        finally:
            world.close()

    @property
    def is_shared(self) -> bool:
        """There is one server."""
        return True

    @property
    def is_repeatable(self) -> bool:
        """Time and other processes play a part."""
        return False

    def handover(self) -> Handover:
        """Return what another process needs; the way to control the server stays here."""
        target = replace(self._target, administration=None, control=None)
        return {"kind": "remote", "target": _TARGET.dump_python(target, mode="json")}


_TARGET: Final = TypeAdapter(Target)


def reference_bench(
    name: str,
    policy: str,
    defects: tuple[str, ...],
    hosts: tuple[str, ...] | None,
    seed: int,
    settings: ServerSettings | None = None,
    configuration: str = "",
) -> ReferenceBench:
    """Return the bundled server as a bench; `hosts` None is the simulated network.

    Raises KeyError for a policy or defect that does not exist.
    """
    used = ServerSettings() if settings is None else settings
    setup = reference_setup(policy, defects, seeded(seed, "passwords"), used, configuration)
    setup.server(SIMULATED_ADDRESSES, seeded(seed, "trial"), 0.0)
    return ReferenceBench(name, setup, hosts, seed, configuration)


def bench_from(handover: Handover) -> Bench:
    """Return the bench that another process described."""
    if handover["kind"] == "remote":
        return RemoteBench(_TARGET.validate_python(handover["target"]))
    hosts, defects, seed = handover["hosts"], handover["defects"], handover["seed"]
    assert isinstance(defects, list) and isinstance(seed, int)
    return reference_bench(
        str(handover["name"]),
        str(handover["policy"]),
        tuple(map(str, defects)),
        tuple(map(str, hosts)) if isinstance(hosts, list) else None,
        seed,
        ServerSettings.model_validate(handover["settings"]),
        str(handover["configuration"]),
    )
