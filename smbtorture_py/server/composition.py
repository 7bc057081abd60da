"""Putting a server together: a named policy, and defects that each replace one method of a policy or a
part."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

from smbtorture_py.server.defects import DEFECTS, Defect
from smbtorture_py.server.parts import Parts
from smbtorture_py.server.policies import Policies
from smbtorture_py.server.policies.products import POLICIES


@cache
def compose(policy_name: str, defect_ids: tuple[str, ...]) -> tuple[Policies, Parts]:
    """Return the policies and parts of a named policy with defects; raises KeyError for a name that does not
    exist.

    Neither has a state, so that servers can share them.
    """
    policies, parts = POLICIES[policy_name](), Parts()
    for defect_id in defect_ids:
        policies, parts = apply(DEFECTS[defect_id], policies, parts)
    return policies, parts


def apply(defect: Defect, policies: Policies, parts: Parts) -> tuple[Policies, Parts]:
    """Put one defect in, over what is there; raises LookupError where no policy or part has the method it
    replaces."""
    for field in fields(policies):
        in_use = type(getattr(policies, field.name))
        if issubclass(in_use, defect.owner):
            return replace(policies, **{field.name: defect.subclass(in_use)()}), parts
    for field in fields(parts):
        in_use = getattr(parts, field.name)
        if issubclass(in_use, defect.owner):
            return policies, replace(parts, **{field.name: defect.subclass(in_use)})
    raise LookupError(f"{defect.id}: no policy or part is a {defect.owner.__name__}")
