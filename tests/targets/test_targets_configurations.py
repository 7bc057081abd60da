"""Configurations of targets, hooks, first files: what targets.yaml can say, and that it is so."""

import os
import shutil
import sys

import pytest

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.control import Action, ControlFailed
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import Account, Target
from smbtorture_py.net.core import Address
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.targets.hooks import HookControl, run_hook
from smbtorture_py.targets.model import HookModel, HooksModel, ServerSettings, find_targets_file, select
from smbtorture_py.targets.probe import probe
from smbtorture_py.targets.start import external_target, identity, start

needs_samba = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("smbd") is None, reason="needs root and an installed smbd"
)
SHIPPED = ("signing-required", "encryption-required", "smb2-only", "multichannel-off", "encryption-off")
GONE = {
    "smb2-only": Capability.SMB_3_1_1,
    "multichannel-off": Capability.MULTI_CHANNEL,
    "encryption-off": Capability.ENCRYPTION,
}
COME = {
    "signing-required": Capability.SIGNING_REQUIRED,
    "encryption-required": Capability.ENCRYPTED_SESSIONS,
}


def examined(name, folder):
    started = start(select(name, find_targets_file(folder)), 1, {})
    try:
        if started.probe is not None:
            return started.bench.target, started.probe.capabilities
        with started.bench.place(1) as (world, placed):
            return placed, probe(placed, world).capabilities
    finally:
        started.stop()


@pytest.mark.parametrize("configuration", SHIPPED)
@pytest.mark.parametrize("target", ["reference", "reference-tcp", pytest.param("samba", marks=needs_samba)])
def test_a_configuration_is_really_made(tmp_path, target, configuration):
    described, shown = examined(f"{target}/{configuration}", tmp_path)
    assert described.configuration == configuration
    for there, capability in ((False, GONE.get(configuration)), (True, COME.get(configuration))):
        if capability is not None:
            assert (capability in shown) is there
            assert (capability in described.capabilities) is there


def test_the_policy_and_defects_go_with_a_configuration(tmp_path):
    chosen = select("reference@samba/signing-required+bind-unsigned-accepted", find_targets_file(tmp_path))
    assert (chosen.policy, chosen.configuration) == ("samba", "signing-required")
    assert chosen.defects == ("bind-unsigned-accepted",)
    assert chosen.model.settings.signing == "required"
    assert start(chosen, 1, {}).bench.target.configuration == "samba/signing-required"
    with pytest.raises(ConfigurationError, match="no configuration 'purple'"):
        select("samba/purple", find_targets_file(tmp_path))


TARGETS = """\
targets:
  nas:
    kind: external
    addresses: ["192.0.2.1:4451", "192.0.2.2"]
    sources: [198.51.100.1, 198.51.100.2, "2001:db8::9"]
    advertised: {10.0.0.1: "192.0.2.1:4451", "2001:DB8::1": "192.0.2.2"}
    spare_addresses: [192.0.2.3]
    user: {name: u, password_env: P}
    product: nas
    hooks:
      restart: {command: "nasctl restart {configuration}", timeout: 5}
      log: [nasctl, log]
    variants:
      slow: {deadline_scale: 4, channel_limit: 2, capabilities: [dialect-3.0]}
"""


@pytest.fixture
def nas(tmp_path):
    path = tmp_path / "targets.yaml"
    path.write_text(TARGETS)
    return path


def test_an_external_target_in_a_configuration(nas):
    chosen = select("nas/slow", nas)
    target = external_target(chosen, chosen.model, {"P": "x"})
    assert (target.deadline_scale, target.channel_limit, target.configuration) == (4, 2, "slow")
    assert Capability.SMB_3_0 in target.capabilities
    plain = select("nas", nas)
    assert external_target(plain, plain.model, {"P": "x"}).deadline_scale == 1


def lab_of(target):
    bench = reference_bench("reference", "specification", (), None, 1)
    with bench.place(1) as (world, _):
        case = Case("own.case", lambda lab: None, (), (), None, False, (Variant(),))
        return Lab(case=case, variant=Variant(), world=world, target=target, catalogue=Catalogue([]))


def test_sources_and_advertised_addresses_are_used(nas):
    chosen = select("nas", nas)
    lab = lab_of(external_target(chosen, chosen.model, {"P": "x"}))
    assert lab.dialable("10.0.0.1") == Address("192.0.2.1", 4451)
    assert lab.dialable("2001:db8::1") == Address("192.0.2.2", 445)
    assert lab.dialable("192.0.2.7") == Address("192.0.2.7", 4451)
    assert lab.source(Address("192.0.2.1", 4451)) == "198.51.100.1"
    assert lab.source(Address("2001:db8::2", 445)) == "2001:db8::9"
    assert lab.spare_address == Address("192.0.2.3", 445)
    assert lab_of(Target(name="x", addresses=(), product="x", version="", user=Account("u", "p"))).source(
        Address("192.0.2.1", 1)
    ) is None  # fmt: skip


def test_every_mistake_of_an_entry_has_its_line(nas):
    nas.write_text(
        TARGETS.replace("198.51.100.2", "nowhere")
        .replace('10.0.0.1: "192.0.2.1:4451"', '10.0.0.1: "a b"')
        .replace("{configuration}", "{colour}")
        .replace("channel_limit: 2", "channel_limit: 0")
    )
    with pytest.raises(ConfigurationError) as caught:
        select("nas", nas)
    told = {(problem.line, problem.key) for problem in caught.value.problems}
    assert told == {
        (5, "targets.nas.sources"),
        (6, "targets.nas.advertised"),
        (11, "targets.nas.hooks.restart.command"),
        (14, "targets.nas.variants.slow.channel_limit"),
    }


def hook(script, **more):
    return HookModel(command=(sys.executable, "-c", script, *more.pop("arguments", ())), **more)


def test_hooks_have_time_limits_and_their_output_is_kept():
    heard = []
    fine = run_hook("log", hook("print('hello')"), heard=heard.append)
    assert (fine.exit_code, fine.output) == (0, "hello\n")
    bad = run_hook("stop", hook("import sys; print('no'); sys.exit(3)"), heard=heard.append)
    assert (bad.exit_code, bad.output) == (3, "no\n")
    late = run_hook("start", hook("import time; time.sleep(60)", timeout=0.5), heard=heard.append)
    assert late.exit_code is None and "ended after 0.5 s" in late.output
    none = run_hook("start", HookModel(command=("/no/such/program",)), heard=heard.append)
    assert none.exit_code is None and "cannot be started" in none.output
    assert heard == [fine, bad, late, none]


def test_a_control_offers_what_has_a_hook():
    echo = hook("import sys; print(sys.argv[1:])", arguments=("{address}", "{configuration}"))
    control = HookControl(HooksModel(restart=echo, log=echo), "purple", lambda _: None)
    assert control.actions == {Action.RESTART, Action.LOG}
    assert control.capabilities == {Capability.RESTART, Capability.SERVER_LOG}
    assert control.log() == "['', 'purple']\n"
    with pytest.raises(ControlFailed, match="no way to add address"):
        control.add_address("192.0.2.9")
    broken = HookControl(HooksModel(restart=hook("raise SystemExit('no')")), "", lambda _: None)
    with pytest.raises(ControlFailed, match="no"):
        broken.restart()


@pytest.mark.parametrize(
    ("said", "product", "version"),
    [
        ("Samba 4.17.12-Debian\n", "samba", "4.17.12-Debian"),
        ("Version 4.24.0", "", "4.24.0"),
        ("7.1", "", "7.1"),
        ("ksmbd v3.5.1\nmore", "ksmbd", "3.5.1"),
    ],
)
def test_what_a_command_tells_of_product_and_version(said, product, version):
    assert identity(said) == (product, version)


def test_the_bundled_server_is_stopped_started_and_moved():
    settings = ServerSettings()
    bench = reference_bench("reference", "specification", (), None, 1, settings)
    with bench.place(1) as (world, target):
        control = target.control
        assert probe(target, world, quick=True)
        control.stop()
        lab = Lab(
            case=Case("own.case", lambda lab: None, (), (), None, False, (Variant(),)),
            variant=Variant(), world=world, target=target, catalogue=Catalogue([]),
        )  # fmt: skip
        with pytest.raises(ConnectionError):
            lab.open_connection(0)
        control.restore()
        first = lab.connect(0)
        spare = target.spare_addresses[0]
        control.add_address(spare.host)
        second = lab.connect(spare)
        control.restore()
        lab.wait(lambda: second.is_lost)
        assert second.is_lost and not first.is_lost
        with pytest.raises(ConnectionError):
            lab.open_connection(spare)
