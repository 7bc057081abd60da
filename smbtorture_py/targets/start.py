"""Bringing a target up: from what the user asked for to a bench that cases run on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from smbtorture_py.conformance.control import Control, ControlFailed
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import SHARE_CAPABILITIES, Target
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.records import HookRecord
from smbtorture_py.targets.bench import Bench, RemoteBench, reference_bench
from smbtorture_py.targets.errors import TargetError, TargetUnreachable
from smbtorture_py.targets.guarded import Guarded, GuardianFailed
from smbtorture_py.targets.hooks import HookControl, command_of, explain, run_hook
from smbtorture_py.targets.model import (
    ExternalModel,
    HookModel,
    ReferenceModel,
    ReferenceTcpModel,
    Selected,
    account,
    located,
    parse_address,
)
from smbtorture_py.targets.probe import Probe, probe
from smbtorture_py.targets.samba import PrivateSamba

RETURN_TIMEOUT: Final = 60.0
"""Seconds that a server may take to come back after a crash."""

POLL: Final = 0.5

_VERSION: Final = re.compile(r"\S*\d+(\.\d+)+\S*|\d\S*")


@dataclass(slots=True)
class Started:
    """A target that is up, until `stop` is called.

    `probe` says what it shows (None for the bundled server), `declared` what its entry claims, `hooks` which
    commands were run since somebody last took them away.
    """

    bench: Bench
    stop: Callable[[], None]
    probe: Probe | None = None
    declared: frozenset[Capability] = frozenset()
    hooks: list[HookRecord] = field(default_factory=list)

    @property
    def control(self) -> Control | None:
        """The way to stop and start a server that all cases share."""
        return self.bench.target.control

    def log(self) -> str:
        """Return the end of the server's log; empty where nobody can fetch it."""
        control = self.control
        if control is None or Capability.SERVER_LOG not in control.capabilities:
            return ""
        try:
            return control.log()
        except ControlFailed as failure:
            return str(failure)

    def revive(self) -> bool:
        """Bring a server back that went down: start it where that is offered, else wait; tell whether it is
        back.
        """
        control = self.control
        if control is not None and Capability.RESTART in control.capabilities:
            try:
                control.restart()
            except ControlFailed:
                return False
        return answers(self.bench.target, RETURN_TIMEOUT)


def answers(target: Target, within: float) -> bool:
    """Wait until every address of a server speaks SMB again, for so many seconds of an ordinary server; tell
    whether it does.
    """
    deadline = time.monotonic() + within * target.deadline_scale
    while True:
        try:
            probe(target, quick=True)
        except TargetUnreachable:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        else:
            return True


def start(selected: Selected, seed: int, environment: Mapping[str, str]) -> Started:
    """Start (or just reach) a target.

    Raises ConfigurationError or TargetError for what is wrong with the configuration, TargetUnreachable where
    nobody speaks SMB.
    """
    model = selected.model
    if isinstance(model, ReferenceModel):
        hosts = model.addresses if isinstance(model, ReferenceTcpModel) else None
        try:
            bench = reference_bench(
                selected.name,
                selected.policy,
                selected.defects,
                hosts,
                seed,
                model.settings,
                selected.configuration,
            )
        except KeyError as error:
            text = f"the reference server has no policy or defect {error.args[0]!r}"
            raise selected.problem(text) from None
        return Started(bench, lambda: None, declared=bench.target.capabilities)
    if isinstance(model, ExternalModel):
        return _start_external(selected, model, environment)
    samba = PrivateSamba(selected.name, located(selected, model, environment))
    target = replace(samba.start(), configuration=selected.configuration)
    try:
        return _examined(target, samba.stop, model.capabilities)
    except BaseException:
        samba.stop()
        raise


def _start_external(selected: Selected, model: ExternalModel, environment: Mapping[str, str]) -> Started:
    """Reach a server that runs elsewhere; with a hook `start`, have it started, and stopped in the end."""
    target = external_target(selected, model, environment)
    heard: list[HookRecord] = []
    hooks = model.hooks
    control = HookControl(hooks, selected.configuration, heard.append)
    target = replace(target, control=control, capabilities=target.capabilities | control.capabilities)
    guarded: Guarded | None = None
    try:
        if hooks.configure is not None:
            _required(selected, "configure", hooks.configure, heard)
        if hooks.start is not None:
            # Whoever kills us cannot be asked to stop the server: the guardian does it then.
            farewell = (
                [] if hooks.stop is None else command_of(hooks.stop, configuration=selected.configuration)
            )
            guarded = Guarded(farewell=farewell)
            _required(selected, "start", hooks.start, heard)
            answers(target, RETURN_TIMEOUT)
        if hooks.identify is not None:
            product, version = identity(_required(selected, "identify", hooks.identify, heard))
            target = replace(target, product=model.product or product, version=version or model.version)
            if not target.product:
                raise selected.problem("prints a version and no product", "hooks", "identify")
        stop = guarded.close if guarded is not None else _nothing
        return replace(_examined(target, stop, model.capabilities), hooks=heard)
    except GuardianFailed as failure:
        raise TargetError(f"target {selected.name}: {failure}") from None
    except BaseException:
        if guarded is not None:
            guarded.close()
        raise


def _nothing() -> None:
    """Leave a server alone that we have not started."""


def _required(selected: Selected, name: str, hook: HookModel, heard: list[HookRecord]) -> str:
    record = run_hook(name, hook, configuration=selected.configuration, heard=heard.append)
    if record.exit_code != 0:
        raise TargetError(f"target {selected.name}: {explain(record)}")
    return record.output


def identity(said: str) -> tuple[str, str]:
    """Return product (empty where none is named) and version out of the first line of what a command printed:
    `Samba 4.17.12`, `Version 4.17.12-Debian`, `4.17.12`.
    """
    line = next(iter(said.strip().splitlines()), "")
    found = _VERSION.search(line)
    version = found[0].removeprefix("v") if found else ""
    before = line[: found.start()].split() if found else line.split()
    product = next((word.casefold() for word in before if word.casefold() != "version"), "")
    return product, version


def external_target(selected: Selected, model: ExternalModel, environment: Mapping[str, str]) -> Target:
    """Return a server that runs elsewhere as declared; raises ConfigurationError for a password that is not
    set.
    """
    problems: list[ConfigurationError] = []
    accounts = {}
    for key, user in (("user", model.user), ("second_user", model.second_user)):
        if user is not None:
            try:
                accounts[key] = account(selected, key, user, environment)
            except ConfigurationError as error:
                problems.append(error)
    if problems:
        raise ConfigurationError([problem for error in problems for problem in error.problems])
    declared = set(model.capabilities or ())
    declared |= {SHARE_CAPABILITIES[role] for role in model.shares if role in SHARE_CAPABILITIES}
    extra = {
        Capability.SECOND_USER: model.second_user is not None,
        Capability.GUEST: model.guest,
        Capability.ANONYMOUS: model.anonymous,
        Capability.SECOND_ADDRESS: len(model.addresses) > 1,
        Capability.DECLARED_INTERFACES: bool(model.interfaces),
    }
    declared |= {capability for capability, there in extra.items() if there}
    return Target(
        name=selected.name,
        addresses=tuple(parse_address(text) for text in model.addresses),
        product=model.product,
        version=model.version,
        configuration=selected.configuration,
        user=accounts["user"],
        second_user=accounts.get("second_user"),
        shares=model.shares,
        server_name=model.server_name,
        directory=model.directory,
        capabilities=frozenset(declared),
        advertised={host: parse_address(where) for host, where in model.advertised.items()},
        interfaces=tuple(one.declared() for one in model.interfaces),
        sources=model.sources,
        spare_addresses=tuple(parse_address(text) for text in model.spare_addresses),
        channel_limit=model.channel_limit,
        deadline_scale=model.deadline_scale,
        break_timeout=model.break_timeout,
        allows_disruption=model.allow_disruptive,
        outlives_a_case=True,
    )


def _examined(
    target: Target, stop: Callable[[], None], capabilities: tuple[Capability, ...] | None
) -> Started:
    """Probe a target; without declared capabilities, what it shows counts as declared."""
    found = probe(target)
    declared = target.capabilities if capabilities is None else target.capabilities | set(capabilities)
    adopted = declared | found.capabilities if capabilities is None else declared
    return Started(RemoteBench(replace(target, capabilities=adopted)), stop, found, frozenset(declared))
