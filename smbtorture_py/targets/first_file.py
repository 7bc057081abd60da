"""`smbtorture-py init`: a first targets.yaml, written from what a probe finds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.showing import SHOWABLE
from smbtorture_py.conformance.target import SHARE_CAPABILITIES, ShareRole, Target
from smbtorture_py.results.located_yaml import parse
from smbtorture_py.targets.errors import TargetError
from smbtorture_py.targets.model import ExternalModel, Selected, UserModel
from smbtorture_py.targets.probe import Probe, probe
from smbtorture_py.targets.start import external_target

_FROM_ELSEWHERE = frozenset(
    {
        Capability.SECOND_ADDRESS,
        Capability.SECOND_USER,
        Capability.GUEST,
        Capability.ANONYMOUS,
        Capability.BLACKHOLE,
        *SHARE_CAPABILITIES.values(),
    }
)
"""What follows from other keys of the entry, or from our own machine."""


@dataclass(slots=True, frozen=True, kw_only=True)
class FirstTarget:
    """What the user tells about a server; the rest is probed."""

    name: str
    addresses: tuple[str, ...]
    user: UserModel
    second_user: UserModel | None
    share: str
    product: str
    version: str


def first_file(first: FirstTarget, environment: Mapping[str, str]) -> str:
    """Probe a server and return the text of a targets.yaml for it.

    Raises ConfigurationError, TargetError and TargetUnreachable as a run would.
    """
    model = ExternalModel(
        kind="external",
        addresses=first.addresses,
        user=first.user,
        second_user=first.second_user,
        shares={ShareRole.PLAIN: first.share} if first.share else {},
        product=first.product,
        version=first.version,
    )
    document = parse("targets: {}", "the command line")
    selected = Selected(name=first.name, model=model, document=document, entry=first.name)
    target = external_target(selected, model, environment)
    found = probe(target)
    if found.logon != "SUCCESS":
        raise TargetError(f"target {first.name}: {first.user.name} cannot log on: {found.logon}")
    return "\n".join(_lines(first, target, found)) + "\n"


def _lines(first: FirstTarget, target: Target, found: Probe) -> Iterator[str]:
    """Write the entry; JSON texts are YAML texts."""
    yield "# The servers that can be tested: `smbtorture-py run NAME`. Written from a probe: look through it."
    yield ""
    yield "targets:"
    yield f"  {first.name}:"
    yield "    kind: external"
    yield f"    addresses: {json.dumps([str(address) for address in target.addresses])}"
    known = {address.host for address in target.addresses}
    others = [str(one["address"]) for one in found.interfaces if one["address"] not in known]
    if others:
        yield f"    # It also reports {', '.join(others)}: add it, or map it under `advertised`."
    yield f"    user: {_user(first.user)}"
    if first.second_user is not None:
        yield f"    second_user: {_user(first.second_user)}"
    if first.share:
        yield f"    shares: {{plain: {json.dumps(first.share)}}}"
    else:
        yield "    # shares: {plain: NAME}               # cases about files need one"
    yield f"    product: {json.dumps(first.product)}"
    yield f"    version: {json.dumps(first.version)}"
    yield f"    guest: {json.dumps(Capability.GUEST in found.capabilities)}"
    yield f"    anonymous: {json.dumps(Capability.ANONYMOUS in found.capabilities)}"
    yield "    # What the server showed. What is listed here and no longer shown is a failure."
    yield "    capabilities:"
    for capability in SHOWABLE:
        if capability in found.capabilities and capability not in _FROM_ELSEWHERE:
            yield f"      - {capability.value}"
    absent = [one.value for one in SHOWABLE if one not in found.capabilities]
    if absent:
        yield f"    # Not shown: {', '.join(absent)}."


def _user(user: UserModel) -> str:
    domain = f", domain: {json.dumps(user.domain)}" if user.domain else ""
    return f"{{name: {json.dumps(user.name)}, password_env: {user.password_env}{domain}}}"
