"""targets.yaml: every mistake at once, and what can be asked for."""

from pathlib import Path

import pytest

from smbtorture_py.conformance.needs import Capability
from smbtorture_py.net.core import Address
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.targets.model import find_targets_file, located, parse_address, select
from smbtorture_py.targets.start import external_target, start

GOOD = """\
targets:
  reference:
    kind: reference
  nas:
    kind: external
    addresses: [192.0.2.10, "[2001:db8::1]:4450"]
    user: {name: tester, password_env: NAS_PASSWORD, domain: WORKGROUP}
    second_user: {name: other, password_env: NAS_PASSWORD2}
    shares: {plain: data, encrypted: secret}
    product: nas
    version: "7.1"
    capabilities: [dialect-3.1.1, multi-channel]
"""
BAD = """\
targets:
  one:
    kind: reference
    colour: blue
  two:
    kind: external
    addresses: ["192.0.2.1:99999"]
    user: {name: tester, password_env: "not a name"}
    product: x
  three:
    kind: toaster
  four:
    kind: samba
    addresses: [192.0.2.1]
"""
VERSIONS = """\
targets:
  old:
    kind: samba
    root: $SAMBA_ROOT/4.13
  build:
    kind: samba
    smbd: $BUILD/sbin/smbd
    smbpasswd: $BUILD/bin/smbpasswd
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "targets.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", Address("192.0.2.1", 445)),
        ("192.0.2.1:4450", Address("192.0.2.1", 4450)),
        ("nas.example", Address("nas.example", 445)),
        ("2001:db8::1", Address("2001:db8::1", 445)),
        ("[2001:db8::1]:4450", Address("2001:db8::1", 4450)),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "192.0.2.1:0", "192.0.2.1:x", "[::1", "[::1]x", "a b", "192.0.2.1:70000"]
)
def test_what_is_no_address(text):
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


def test_every_mistake_at_once_with_line_and_key(write):
    with pytest.raises(ConfigurationError) as caught:
        select("one", write(BAD))
    told = {(problem.line, problem.key) for problem in caught.value.problems}
    assert told == {
        (4, "targets.one.colour"),
        (7, "targets.two.addresses"),
        (8, "targets.two.user.password_env"),
        (11, "targets.three.kind"),
        (14, "targets.four.addresses"),
    }


def test_not_yaml_and_not_there(write, tmp_path):
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        select("one", write("targets: [\n"))
    with pytest.raises(ConfigurationError, match="No such file"):
        select("one", tmp_path / "missing.yaml")


def test_policy_and_defects_are_part_of_the_name(write):
    chosen = select("reference@samba+bind-unsigned-accepted+other", write(GOOD))
    assert (chosen.policy, chosen.defects) == ("samba", ("bind-unsigned-accepted", "other"))
    with pytest.raises(ConfigurationError, match="no target 'fileserver'"):
        select("fileserver", write(GOOD))
    with pytest.raises(ConfigurationError, match="only the reference server"):
        select("nas+bind-unsigned-accepted", write(GOOD))
    with pytest.raises(ConfigurationError, match="no policy or defect"):
        start(select("reference+nonsense", write(GOOD)), 1, {})
    with pytest.raises(ConfigurationError, match="no policy or defect"):
        start(select("reference@nonsense", write(GOOD)), 1, {})


def test_an_external_target_and_its_passwords(write):
    chosen = select("nas", write(GOOD))
    target = external_target(chosen, chosen.model, {"NAS_PASSWORD": "sesame", "NAS_PASSWORD2": "open"})
    assert target.addresses == (Address("192.0.2.10", 445), Address("2001:db8::1", 4450))
    assert {
        Capability.SECOND_USER,
        Capability.ENCRYPTED_SHARE,
        Capability.SECOND_ADDRESS,
    } <= target.capabilities
    assert Capability.GUEST not in target.capabilities
    assert "sesame" not in repr(target)
    with pytest.raises(ConfigurationError) as caught:
        external_target(chosen, chosen.model, {})
    assert [problem.line for problem in caught.value.problems] == [7, 8]
    assert "NAS_PASSWORD2" in str(caught.value)


def test_paths_of_a_samba_may_name_environment_variables(write):
    old, build = (select(name, write(VERSIONS)) for name in ("old", "build"))
    assert located(old, old.model, {"SAMBA_ROOT": "/srv"}).root == "/srv/4.13"
    own = located(build, build.model, {"BUILD": "/opt/samba"})
    assert (own.smbd, own.smbpasswd, own.root) == ("/opt/samba/sbin/smbd", "/opt/samba/bin/smbpasswd", "")
    with pytest.raises(ConfigurationError, match="variable BUILD is not set") as caught:
        start(build, 1, {})
    assert [(one.line, one.key) for one in caught.value.problems] == [
        (7, "targets.build.smbd"),
        (8, "targets.build.smbpasswd"),
    ]


def test_the_file_of_the_folder_wins(tmp_path, write):
    assert find_targets_file(tmp_path).parent != tmp_path
    own = write(GOOD)
    assert find_targets_file(tmp_path) == own


def test_the_shipped_file_is_fine():
    path = find_targets_file(Path("/"))
    names = ("reference", "reference-tcp", "samba", "samba-4.13", "samba-4.22", "samba-4.24", "ksmbd")
    assert [select(name, path).entry for name in names] == list(names)
