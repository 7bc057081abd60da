"""The command line."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import entry_points
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import click
import pytest
from rich.console import Console
from rich.table import Table

from smbtorture_py import __version__
from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.conformance.collection import collect, collect_folders
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.outside_checks import outside_checks
from smbtorture_py.conformance.own_catalogue import beside, catalogue_files, catalogue_with
from smbtorture_py.conformance.showing import SHOWABLE
from smbtorture_py.conformance.target import Account
from smbtorture_py.coverage import (
    PROOFS,
    Coverage,
    ProofError,
    by_area,
    complete,
    document,
    find_proofs,
    headlines,
    markdown,
    read_proofs,
    write_proofs,
)
from smbtorture_py.detection import judges_a_must, noticed_by
from smbtorture_py.net.core import Address
from smbtorture_py.plain_errors import plainly
from smbtorture_py.record_commands import RECORD_COMMANDS
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.selection import PROFILES
from smbtorture_py.server.config import Encryption
from smbtorture_py.server.defects import DEFECTS
from smbtorture_py.server.policies.products import POLICIES
from smbtorture_py.serving import ServeOptions, ShareOption, serve
from smbtorture_py.targets.errors import TargetError
from smbtorture_py.targets.first_file import FirstTarget, first_file
from smbtorture_py.targets.model import UserModel, find_targets_file, parse_address, select
from smbtorture_py.targets.probe import Probe, probe
from smbtorture_py.targets.start import start
from smbtorture_py.wire.negotiate import Dialect

PLUGIN: Final = "smbtorture_py.plugin"
SUITES: Final = "suites"
IGNORED_WARNING: Final = (
    "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"
)
"""We are imported before pytest looks at its plugins; nothing of ours needs rewritten asserts."""
DIALECTS: Final = {
    "2.0.2": Dialect.SMB_2_0_2,
    "2.1": Dialect.SMB_2_1,
    "3.0": Dialect.SMB_3_0,
    "3.0.2": Dialect.SMB_3_0_2,
    "3.1.1": Dialect.SMB_3_1_1,
}


_SHARE_FLAGS: Final = ("encrypted", "read-only", "continuously-available")


_own_suites = click.option(
    "--suite", "suites", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="DIR",
    help="The cases of this folder instead of the shipped ones.",
)  # fmt: skip


class _Group(click.Group):
    """A group whose usage errors exit with our code for them."""

    def main(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        """Run; a usage error is 4 and an interruption 2."""
        kwargs["standalone_mode"] = False
        try:
            result = super().main(*args, **kwargs)  # type: ignore[call-overload]
        except click.ClickException as error:
            error.show()
            sys.exit(ExitCode.USAGE)
        except click.Abort:
            sys.exit(ExitCode.INCOMPLETE)
        sys.exit(result if isinstance(result, int) else 0)


@click.group(cls=_Group)
@click.version_option(__version__)
def main() -> None:
    """Test any SMB 3 server for conformance, deepest in multichannel."""


@main.command("serve")
@click.option("--listen", multiple=True, metavar="ADDR:PORT", help="Default: 127.0.0.1:4450.")
@click.option("--user", "users", multiple=True, metavar="NAME", help="A user who may log on.")
@click.option(
    "--password-env", "variables", multiple=True, metavar="VAR",
    help="Environment variable with the user's password: one for each --user, in their order.",
)  # fmt: skip
@click.option(
    "--share", "shares", multiple=True, metavar="NAME=memory|DIR",
    help="A share; `,encrypted`, `,read-only` and `,continuously-available` may follow.",
)  # fmt: skip
@click.option("--policy", type=click.Choice(sorted(POLICIES)), default="specification", show_default=True)
@click.option("--defect", "defects", multiple=True, metavar="ID", help="Be wrong on purpose; see `defects`.")
@click.option("--min-dialect", type=click.Choice(list(DIALECTS)), default="2.0.2", show_default=True)
@click.option("--max-dialect", type=click.Choice(list(DIALECTS)), default="3.1.1", show_default=True)
@click.option("--signing", type=click.Choice(["enabled", "required"]), default="enabled", show_default=True)
@click.option(
    "--encryption", type=click.Choice([one.value for one in Encryption]), default="enabled", show_default=True
)
@click.option("--multichannel/--no-multichannel", default=True, show_default=True)
@click.option(
    "--smbtorture-controls",
    is_flag=True,
    help="Answer the private FSCTLs by which smbtorture prepares a server.",
)
@click.option("--guest/--no-guest", default=False, show_default=True, help="Strangers become the guest.")
@click.option("--anonymous/--no-anonymous", default=True, show_default=True)
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep persistent handles of continuously available shares in this folder, over restarts.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), help="Makes ids and keys reproducible.")
@plainly
def serve_command(
    listen: tuple[str, ...],
    users: tuple[str, ...],
    variables: tuple[str, ...],
    shares: tuple[str, ...],
    policy: str,
    defects: tuple[str, ...],
    min_dialect: str,
    max_dialect: str,
    signing: str,
    encryption: str,
    multichannel: bool,
    smbtorture_controls: bool,
    guest: bool,
    anonymous: bool,
    state: Path | None,
    seed: int | None,
) -> None:
    """Serve files from memory or from folders, with the reference server, until SIGTERM.

    Prints one line that starts with `ready` once it accepts connections.
    """
    if DIALECTS[min_dialect] > DIALECTS[max_dialect]:
        raise click.BadParameter(f"{min_dialect} is above {max_dialect}", param_hint="--min-dialect")
    serve(
        ServeOptions(
            listen=tuple(_listen_address(text) for text in listen or ("127.0.0.1:4450",)),
            users=_users(users, variables),
            shares=tuple(_share(text) for text in shares or ("share=memory",)),
            policy=policy,
            defects=defects,
            minimum_dialect=DIALECTS[min_dialect],
            maximum_dialect=DIALECTS[max_dialect],
            require_signing=signing == "required",
            encryption=Encryption(encryption),
            multichannel=multichannel,
            smbtorture_controls=smbtorture_controls,
            guest=guest,
            anonymous=anonymous,
            state=state,
            seed=seed,
        ),
        lambda line: print(line, flush=True),  # noqa: T201  # the one line that scripts wait for
    )


def _listen_address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if port != "0":
        try:
            address = parse_address(text)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--listen") from None
        host = address.host
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an IP address and a port", param_hint="--listen") from None
    return Address(host.strip("[]"), 0 if port == "0" else parse_address(text).port)


def _users(names: tuple[str, ...], variables: tuple[str, ...]) -> tuple[Account, ...]:
    if len(names) != len(variables):
        raise click.UsageError(f"--user is given {len(names)} times, --password-env {len(variables)} times")
    accounts = []
    for name, variable in zip(names, variables, strict=True):
        password = os.environ.get(variable)
        if password is None:
            raise click.UsageError(f"the environment variable {variable} is not set (password of {name})")
        accounts.append(Account(name, password))
    return tuple(accounts)


def _share(text: str) -> ShareOption:
    name, equals, rest = text.partition("=")
    where, *flags = rest.split(",")
    unknown = [flag for flag in flags if flag not in _SHARE_FLAGS]
    if not name or not equals or not where or unknown:
        raise click.BadParameter(f"{text!r} is not NAME=memory or NAME=DIR", param_hint="--share")
    return ShareOption(
        name,
        where,
        encrypted="encrypted" in flags,
        read_only="read-only" in flags,
        continuously_available="continuously-available" in flags,
    )


@main.command("run")
@click.argument("target")
@_own_suites
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose names match, as pytest's -k.")
@click.option("--area", "areas", multiple=True, metavar="AREA", help="Only cases of this area.")
@click.option("--level", "levels", multiple=True, metavar="LEVEL", help="Only cases of this level: MUST, ...")
@click.option("--requirement", "requirements", multiple=True, metavar="ID", help="Only cases that cite it.")
@click.option("--case", "cases", multiple=True, metavar="ID", help="Only this case, or case/variant.")
@click.option(
    "--failed-from", type=click.Path(path_type=Path), metavar="RECORDS", help="Only what failed there."
)
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    help="smoke: one quick case for each requirement; quick: all that wait for no more than five seconds.",
)
@click.option("--allow-disruptive", is_flag=True, help="Run cases that disturb others on an external server.")
@click.option("--case-limit", type=float, metavar="SECONDS", help="Real time after which a case is ended.")
@click.option("-n", "workers", metavar="N", help="Run on N processes.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of names, entropy and network.")
@click.option("--records", type=click.Path(path_type=Path), metavar="FILE", help="Where the records go.")
@click.option(
    "--gate", is_flag=True, help="Repeat what fails, and leave what a CI job shows: gate.md, badge.svg, ..."
)
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="RECORDS", help="With --gate: known there."
)
@click.option("--redact", is_flag=True, help="Leave the authentication exchanges out of captures.")
@click.option("-v", "--verbose", is_flag=True, help="One line for each case.")
@plainly
def run_command(
    target: str,
    suites: tuple[Path, ...],
    expression: str | None,
    areas: tuple[str, ...],
    levels: tuple[str, ...],
    requirements: tuple[str, ...],
    cases: tuple[str, ...],
    failed_from: Path | None,
    shard: str | None,
    profile: str | None,
    allow_disruptive: bool,
    case_limit: float | None,
    workers: str | None,
    seed: int | None,
    records: Path | None,
    gate: bool,
    baseline: Path | None,
    redact: bool,
    verbose: bool,
) -> int:
    """Run the shipped suites, or those of --suite, against TARGET, a name of targets.yaml.

    NAME/CONFIGURATION chooses one of the target's variants, reference@POLICY another policy of the bundled
    server; reference+DEFECT makes it wrong on purpose.
    """
    select(target, find_targets_file(Path.cwd()))
    if suites:
        arguments = [str(one) for one in suites]
    else:
        folder = _suites_folder()
        arguments = [str(folder), "--rootdir", str(folder.parent)]
    arguments += ["--target", target, "-p", "no:cacheprovider", "-W", IGNORED_WARNING]
    # Cases use `check`, not assert: compiling them as pytest does by default costs a second a run.
    arguments += ["--assert=plain", "-p", "no:hypothesispytest", "-p", "no:logging", "--one-report"]
    # They log nothing, and write from Python, if at all: to catch more than that costs another second.
    arguments += ["--capture=sys"]
    arguments += ["-v"] if verbose else ["-q"]
    if not any(one.name == "smbtorture_py" for one in entry_points(group="pytest11")):
        arguments += ["-p", PLUGIN]
    single: tuple[tuple[str, object], ...] = (
        ("-k", expression), ("-n", workers), ("--seed", seed), ("--records", records), ("--shard", shard),
        ("--failed-from", failed_from), ("--profile", profile), ("--case-limit", case_limit),
    )  # fmt: skip
    for option, value in single:
        if value is not None:
            arguments += [option, str(value)]
    several = (("--area", areas), ("--level", levels), ("--requirement", requirements), ("--case", cases))
    for option, values in several:
        for one in values:
            arguments += [option, one]
    if allow_disruptive:
        arguments.append("--allow-disruptive")
    if gate:
        arguments.append("--gate")
    if redact:
        arguments.append("--redact")
    if baseline is not None:
        arguments += ["--baseline", str(baseline)]
    return int(pytest.main(arguments))


@main.command("list")
@_own_suites
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plainly
def list_command(suites: tuple[Path, ...], as_json: bool) -> None:
    """List the shipped cases, or those of --suite."""
    cases = _cases(suites)
    if as_json:
        click.echo(json.dumps([_case_document(case) for case in cases], indent=1))
        return
    table = Table("case", "variants", "what", title=f"{len(cases)} cases")
    for case in cases:
        table.add_row(case.id, str(len(case.variants)), case.sentence)
    Console().print(table)


@main.command("defects")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--matrix", is_flag=True, help="Run the cases about each defect and say which notice it.")
@plainly
def defects_command(as_json: bool, matrix: bool) -> None:
    """List the defects that the bundled server can be given: --target reference+ID."""
    if matrix:
        _show_matrix(as_json)
        return
    found = [
        {"id": one.id, "sentence": one.sentence, "breaks": list(one.breaks), "origin": one.origin}
        for one in DEFECTS.values()
    ]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    table = Table("defect", "what", "breaks", "origin", title=f"{len(found)} defects")
    for one in DEFECTS.values():
        table.add_row(one.id, one.sentence, ", ".join(one.breaks), one.origin)
    Console().print(table)


def _show_matrix(as_json: bool) -> None:
    """Show for each defect the cases that notice it, and what is left over."""
    cases = _cases()
    found = {one.id: list(noticed_by(one, cases)) for one in DEFECTS.values()}
    noticed = {identifier: [one.case.id for one in by] for identifier, by in found.items()}
    failing = {case for by in noticed.values() for case in by}
    unproven = [case.id for case in cases if judges_a_must(case) and case.id not in failing]
    if as_json:
        click.echo(json.dumps({"noticed_by": noticed, "never_failing": unproven}, indent=1))
        return
    table = Table("defect", "noticed by", title=f"{len(noticed)} defects")
    for identifier, by in noticed.items():
        table.add_row(identifier, ", ".join(by) or "nobody")
    Console().print(table)
    click.echo(f"{sum(map(bool, noticed.values()))} of {len(noticed)} defects are noticed")
    click.echo(f"cases that judge a MUST and never fail: {', '.join(unproven) or 'none'}")


@main.command("coverage")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="As docs/coverage.md has it.")
@click.option("--measure", is_flag=True, help="Run every case with every defect it is about, first: minutes.")
@click.option("--complete", "completes", is_flag=True, help="Run what has no proof yet, first.")
@plainly
def coverage_command(as_json: bool, as_markdown: bool, measure: bool, completes: bool) -> None:
    """Show which requirements have cases, and which of those are covered: some defect makes a case fail by
    them.
    """
    path = _suites_folder() / PROOFS
    cases, defects = _cases(), list(DEFECTS.values())
    processes = os.cpu_count() or 1
    try:
        proofs = list(find_proofs(cases, defects, processes)) if measure else read_proofs(path)
    except ProofError as error:
        raise TargetError(str(error)) from None
    coverage = Coverage(shipped(), cases, defects, proofs)
    if completes:
        coverage = Coverage(shipped(), cases, defects, complete(coverage, processes))
    if measure or completes:
        write_proofs(path, coverage.proofs)
    if as_json:
        click.echo(json.dumps(document(coverage), indent=1))
        return
    if as_markdown:
        click.echo(markdown(coverage), nl=False)
        return
    table = Table("area", "requirements", "with cases", "covered")
    for row in by_area(coverage):
        table.add_row(row.area, str(row.requirements), str(row.with_cases), str(row.covered))
    Console().print(table)
    for line in headlines(coverage):
        click.echo(line)


@main.command("probe")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plainly
def probe_command(target: str, as_json: bool) -> None:
    """Show what TARGET really offers beside what was declared."""
    started = start(select(target, find_targets_file(Path.cwd())), 0, os.environ)
    try:
        found = started.probe
        if found is None:
            with started.bench.place(0) as (world, placed):
                found = probe(placed, world)
        described = started.bench.target
        document = _probe_document(found) | {
            "target": described.name,
            "product": described.product,
            "version": described.version,
            "configuration": described.configuration,
            "addresses": [str(address) for address in described.addresses],
            "declared": sorted(started.declared),
        }
    finally:
        started.stop()
    if as_json:
        click.echo(json.dumps(document, indent=1))
        return
    console = Console()
    table = Table("what", "value", title=f"{described.name}: {described.product} {described.version}")
    for key, value in document.items():
        if key not in ("capabilities", "declared"):
            table.add_row(key, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
    console.print(table)
    console.print(_compared(started.declared, found.capabilities))


def _compared(declared: frozenset[Capability], shown: frozenset[Capability]) -> Table:
    """Return capability by capability what was declared and what was shown."""
    table = Table("capability", "declared", "shown")
    for capability in Capability:
        if capability in declared or capability in SHOWABLE:
            seen = "not asked" if capability not in SHOWABLE else "yes" if capability in shown else "no"
            table.add_row(capability.value, "yes" if capability in declared else "", seen)
    return table


@main.command("init")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--name", default="nas", show_default=True, help="The target's name.")
@click.option("--user", required=True, metavar="NAME", help="A user who may log on.")
@click.option("--password-env", required=True, metavar="VAR", help="Environment variable with the password.")
@click.option("--second-user", metavar="NAME")
@click.option("--second-password-env", metavar="VAR")
@click.option("--domain", default="", metavar="NAME")
@click.option("--share", default="", metavar="NAME", help="A share that both may write to.")
@click.option("--product", default="unknown", show_default=True, help="Whose expectations apply.")
@click.option("--version", "product_version", default="", help="The product's version.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("targets.yaml"), show_default=True)
@plainly
def init_command(
    addresses: tuple[str, ...],
    name: str,
    user: str,
    password_env: str,
    second_user: str | None,
    second_password_env: str | None,
    domain: str,
    share: str,
    product: str,
    product_version: str,
    output: Path,
) -> None:
    """Probe the server at ADDRESS... and write a first targets.yaml for it."""
    if output.exists():
        raise TargetError(f"{output} is there already")
    if (second_user is None) != (second_password_env is None):
        raise click.UsageError("--second-user and --second-password-env belong together")
    for address in addresses:
        try:
            parse_address(address)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="ADDRESS") from None
    second = None
    if second_user is not None and second_password_env is not None:
        second = UserModel(name=second_user, password_env=second_password_env, domain=domain)
    text = first_file(
        FirstTarget(
            name=name,
            addresses=addresses,
            user=UserModel(name=user, password_env=password_env, domain=domain),
            second_user=second,
            share=share,
            product=product,
            version=product_version,
        ),
        os.environ,
    )
    output.write_text(text, encoding="utf-8")
    select(name, output)
    click.echo(f"{output} is written; `smbtorture-py run {name} --profile smoke` is a first run")


@main.command("explain")
@click.argument("case_id", metavar="CASE")
@_own_suites
@plainly
def explain_command(case_id: str, suites: tuple[Path, ...]) -> None:
    """Say what CASE does, what it rests on, and which defects break what it checks."""
    wanted = case_id.partition("/")[0]
    case = next((one for one in _cases(suites) if one.id == wanted), None)
    if case is None:
        raise click.UsageError(f"there is no case {wanted!r}; `smbtorture-py list` shows all")
    click.echo(f"{case.id}: {case.sentence}")
    click.echo(f"  written in {case.module}.{case.function.__name__}")
    if case.needs:
        click.echo(f"  needs {', '.join(need.label for need in case.needs)}")
    if case.disturbs is not None:
        click.echo(f"  disturbs others: {case.disturbs}")
    if case.variants[0].id:
        click.echo(f"  variants: {', '.join(variant.id for variant in case.variants)}")
    catalogue = catalogue_with(catalogue_files(beside(folder.resolve() for folder in suites)))
    for identifier in case.requirements:
        requirement = catalogue.find(identifier)
        if requirement is None:
            raise click.UsageError(f"{case.id}: requirement {identifier} is not in the catalogue")
        click.echo(f"  {identifier} [{requirement.level}] {requirement.source}")
        click.echo(f"    when  {requirement.condition}")
        click.echo(f"    then  {requirement.outcome}")
        for product, deviation in requirement.deviations.items():
            click.echo(f"    {product}: {deviation}")
    breaking = [one for one in DEFECTS.values() if set(one.breaks) & set(case.requirements)]
    for defect in breaking:
        click.echo(f"  defect {defect.id}: {defect.sentence}")
    for check in case.answers:
        click.echo(f"  answers {check}: {outside_checks()[check].sentence}")


def _suites_folder() -> Path:
    """Return where the shipped suites are."""
    spec = find_spec(SUITES)
    if spec is None or not spec.submodule_search_locations:
        raise TargetError("the package `suites` is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def _cases(folders: tuple[Path, ...] = ()) -> list[Case]:
    try:
        return collect_folders(folders) if folders else collect(SUITES)
    except ImportError as error:
        raise TargetError(f"the suites cannot be imported: {error}") from None


def _case_document(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "area": case.area,
        "sentence": case.sentence,
        "requirements": list(case.requirements),
        "needs": [need.label for need in case.needs],
        "disturbs": None if case.disturbs is None else case.disturbs.value,
        "slow": case.slow,
        "variants": [variant.id for variant in case.variants],
        "location": f"{case.module}.{case.function.__name__}",
    }


def _probe_document(found: Probe) -> dict[str, object]:
    return asdict(found) | {"capabilities": sorted(found.capabilities)}


for _command in RECORD_COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
