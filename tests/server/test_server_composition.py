"""Policies, parts and defects fit together in every combination."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from smbtorture_py.server import defects
from smbtorture_py.server.composition import compose
from smbtorture_py.server.defects import DEFECTS
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.command_sequence_window import CommandSequenceWindow
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.products import POLICIES


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("identifier", DEFECTS)
def test_every_defect_composes_with_every_policy(policy: str, identifier: str) -> None:
    policies, parts = compose(policy, (identifier,))
    plain_policies, plain_parts = compose(policy, ())
    found = DEFECTS[identifier]
    changed = [
        (type(getattr(policies, name)), type(getattr(plain_policies, name)))
        for name in policies.__slots__
        if type(getattr(policies, name)) is not type(getattr(plain_policies, name))
    ] + [
        (getattr(parts, name), getattr(plain_parts, name))
        for name in parts.__slots__
        if getattr(parts, name) is not getattr(plain_parts, name)
    ]
    ((new, old),) = changed
    assert issubclass(new, old)
    assert getattr(new, found.method) is not getattr(old, found.method)


def test_defects_stack() -> None:
    policies, _ = compose("windows", ("bind-unsigned-accepted", "bind-signature-not-verified"))
    assert type(policies.bind).signature_is_required is not BindPolicy.signature_is_required
    assert type(policies.bind).signature_is_right is not BindPolicy.signature_is_right


def test_unknown_names_are_errors() -> None:
    with pytest.raises(KeyError):
        compose("nobody", ())
    with pytest.raises(KeyError):
        compose("specification", ("no-such-defect",))


def test_a_defect_must_say_what_it_is() -> None:
    with pytest.raises(ValueError, match="says nothing"):

        @defect("silent", replaces=BindPolicy.is_served, breaks=[], origin="")
        def _silent(original, self, connection):  # type: ignore[no-untyped-def]
            return original(connection)


def test_an_answer_that_is_always_the_same_must_say_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        defect("silent", replaces=BindPolicy.is_served, breaks=[], origin="").always(True, "")
    with pytest.raises(ValueError, match="two defects"):
        defect("bind-again-accepted", replaces=BindPolicy.is_served, breaks=[], origin="").always(
            True, "Again."
        )


def test_every_defect_that_is_begun_enters_the_catalogue() -> None:
    begun = [
        node.args[0].value
        for module in Path(defects.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "defect"
        if isinstance(node.args[0], ast.Constant)
    ]
    # Defects that differ in one thing only are begun in a loop, with ids that are made there.
    assert begun
    assert not set(begun) - set(DEFECTS)


def test_every_defect_breaks_something_and_has_an_origin() -> None:
    for found in DEFECTS.values():
        assert found.breaks
        assert found.origin
        assert found.sentence.endswith(".")


def test_errata_are_documented_and_used() -> None:
    root = Path(__file__).parents[2]
    documented = (root / "docs" / "errata.md").read_text()
    source = "\n".join(path.read_text() for path in (root / "smbtorture_py" / "server").rglob("*.py"))
    numbers = [
        line.split(".")[0].removeprefix("## ") for line in documented.splitlines() if line.startswith("## ")
    ]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    for number in numbers:
        assert f"rratum {number}" in source, number


def test_the_window_forgets_nothing_and_grows_no_further() -> None:
    window = CommandSequenceWindow()
    assert window.consume(0, 1)
    assert not window.consume(0, 1)
    window.grow(10)
    assert window.consume(5, 3)
    assert not window.consume(7, 1)
    assert not window.consume(4, 2)
    assert window.available == 7
    assert window.consume(1, 4)
    assert window.low == 8
    assert window.available == 3
