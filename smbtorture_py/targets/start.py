"""Bringing a target up: from what the user asked for to a bench that cases run on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import Target
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.targets.bench import Bench, RemoteBench, reference_bench
from smbtorture_py.targets.model import (
    ExternalModel,
    ReferenceModel,
    ReferenceTcpModel,
    Selected,
    account,
    parse_address,
)
from smbtorture_py.targets.probe import Probe, probe
from smbtorture_py.targets.samba import PrivateSamba


@dataclass(slots=True)
class Started:
    """A target that is up, until `stop` is called; `probe` says what it shows (None for the
    bundled server).
    """

    bench: Bench
    stop: Callable[[], None]
    probe: Probe | None = None


def start(selected: Selected, seed: int, environment: Mapping[str, str]) -> Started:
    """Start (or just reach) a target.

    Raises ConfigurationError or TargetError for what is wrong with the configuration, TargetUnreachable where
    nobody speaks SMB.
    """
    model = selected.model
    if isinstance(model, ReferenceModel | ReferenceTcpModel):
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
            raise ConfigurationError([selected.document.problem(["targets", selected.entry], text)]) from None
        return Started(bench, lambda: None)
    if isinstance(model, ExternalModel):
        return _examined(
            external_target(selected, model, environment), lambda: None, model.capabilities is None
        )
    samba = PrivateSamba(selected.name, model)
    target = samba.start()
    try:
        return _examined(target, samba.stop, True)
    except BaseException:
        samba.stop()
        raise


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
    declared |= {Capability(f"{role.value}-share") for role in model.shares if role.value != "plain"}
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
        channel_limit=model.channel_limit,
        deadline_scale=model.deadline_scale,
        break_timeout=model.break_timeout,
        allows_disruption=model.allow_disruptive,
        needs_cleaning=True,
    )


def _examined(target: Target, stop: Callable[[], None], adopt: bool) -> Started:
    """Probe a target; with `adopt`, what it shows counts as declared."""
    found = probe(target)
    if adopt:
        target = replace(target, capabilities=target.capabilities | found.capabilities)
    return Started(RemoteBench(target), stop, found)
