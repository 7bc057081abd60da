"""The commands that work on the records of runs, wherever those were made."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Final

import click

from smbtorture_py import __version__
from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.imports.formats import READERS
from smbtorture_py.imports.outside import About, to_records
from smbtorture_py.plain_errors import plainly
from smbtorture_py.record_files import (
    leave,
    read_outside,
    read_records,
    read_text,
    transcript_beside,
    write_records,
    write_text,
)
from smbtorture_py.report.compatibility.disagreements import disagreements_markdown
from smbtorture_py.report.compatibility.matrix import Rule, build
from smbtorture_py.report.compatibility.page import compatibility_page
from smbtorture_py.results.comparison import Change, Difference, by_case, compare
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectation_update import Triage, update
from smbtorture_py.results.expectations import DeviationClass, load_expectations
from smbtorture_py.results.gate import judge_run
from smbtorture_py.results.judged_again import judged_again
from smbtorture_py.results.records import schema_text
from smbtorture_py.runs import timestamp

RECORDS_PATH: Final = click.Path(path_type=Path)


@click.command("gate")
@click.argument("records", type=RECORDS_PATH)
@click.option("--baseline", type=RECORDS_PATH, metavar="RECORDS", help="What fails there too is known.")
@click.option("--output", type=RECORDS_PATH, metavar="DIR", help="Where gate.md and badge.svg go.")
@plainly
def gate_command(records: Path, baseline: Path | None, output: Path | None) -> int:
    """Say by the exit code whether the run in RECORDS may pass, and write why.

    A run that was cut off is incomplete. In a job of GitHub Actions the summary and annotations are written
    too.
    """
    gate = judge_run(read_records(records), None if baseline is None else read_records(baseline))
    folder = output or (records if records.is_dir() else records.parent)
    leave(gate, folder, os.environ, click.echo)
    for line in by_case((one.key, str(one.stop)) for one in gate.findings):
        click.echo(line)
    return int(gate.code)


@click.command("compare")
@click.argument("before", type=RECORDS_PATH)
@click.argument("after", type=RECORDS_PATH)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@plainly
def compare_command(before: Path, after: Path, as_json: bool) -> int:
    """Show what differs between two runs; exit with 1 where something fails newly or vanished."""
    found = compare(read_records(before), read_records(after))
    if as_json:
        click.echo(json.dumps([_document(one) for one in found], indent=1))
    else:
        for change in Change:
            lines = [one for one in found if one.change is change]
            if lines:
                click.echo(f"{change} ({len(lines)})")
                for line in by_case((one.key, one.text) for one in lines):
                    click.echo(f"  {line}")
        if not found:
            click.echo("no difference")
    worse = {one.change for one in found} & {Change.NEWLY_FAILING, Change.VANISHED}
    return int(ExitCode.REGRESSIONS if worse else ExitCode.FINE)


def _document(one: Difference) -> dict[str, object]:
    def side(result: object) -> object:
        return None if result is None else {
            name: getattr(result, name) for name in ("outcome", "behaviour", "actual", "requirement")
        }  # fmt: skip

    return {"case": one.key, "change": one.change, "before": side(one.before), "after": side(one.after)}


@click.command("report")
@click.argument("records", nargs=-1, required=True, type=RECORDS_PATH)
@click.option("--output", type=RECORDS_PATH, default=Path("report.html"), show_default=True, metavar="FILE")
@click.option(
    "--previous", multiple=True, type=RECORDS_PATH, metavar="RECORDS",
    help="An earlier run of the same target: what changed since is marked.",
)  # fmt: skip
@click.option("--title", default="SMB compatibility", show_default=True)
@click.option(
    "--disagreements",
    type=RECORDS_PATH,
    metavar="FILE",
    help="Also write where servers disagree: Markdown.",
)
@plainly
def report_command(
    records: tuple[Path, ...],
    output: Path,
    previous: tuple[Path, ...],
    title: str,
    disagreements: Path | None,
) -> None:
    """Make one HTML file of the runs in RECORDS: which behaviours hold on which server.

    The file needs nothing else and no network; what is red has its traffic in it.
    """
    runs = [read_records(path) for path in records]
    folders = {
        id(run): path if path.is_dir() else path.parent for run, path in zip(runs, records, strict=True)
    }
    matrix = build(
        runs,
        previous=[read_records(path) for path in previous],
        rules=_rules(),
        evidence=lambda run, result: transcript_beside(folders[id(run)], result),
    )
    write_text(output, compatibility_page(matrix, title))
    click.echo(f"report: {output}")
    if disagreements is not None:
        write_text(disagreements, disagreements_markdown(matrix))
        click.echo(f"disagreements: {disagreements}")


def _rules() -> dict[str, Rule]:
    return {
        one.id: Rule(one.section, one.level, one.condition, one.outcome, one.deviations) for one in shipped()
    }


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=RECORDS_PATH)
@click.option("--format", "format_name", type=click.Choice(sorted(READERS)), help="Unless the file shows it.")
@click.option("--product", required=True, help="The server that was tested.")
@click.option("--product-version", default="", help="Its version.")
@click.option("--target", default="", help="A name for it; by default the product.")
@click.option("--group", default="", metavar="NAME", help="The suite its tests belong to, as smb2.session.")
@click.option(
    "--output", type=RECORDS_PATH, default=Path("imported.jsonl"), show_default=True, metavar="FILE"
)
@plainly
def import_command(
    files: tuple[Path, ...],
    format_name: str | None,
    product: str,
    product_version: str,
    target: str,
    group: str,
    output: Path,
) -> None:
    """Make records of what other suites left: smbtorture's text, Microsoft's TRX, JUnit XML.

    FILES together make one run, for `report`, `compare` and `gate`. A test that began and did not end makes
    it incomplete.
    """
    about = About(
        target=target or product, product=product, version=product_version, suite_version=__version__,
        now=timestamp(),
    )  # fmt: skip
    runs = [read_outside(path, format_name, group) for path in files]
    records = list(to_records(runs, about))
    write_records(output, records)
    counts = Counter(str(one.outcome) for run in runs for one in run.results)
    unfinished = sum(len(run.unfinished) for run in runs)
    told = ", ".join(
        [f"{number} {name}" for name, number in sorted(counts.items())]
        + ([f"{unfinished} without an outcome"] if unfinished else [])
    )
    click.echo(f"records: {output}: {told}")


def _shipped_expectations(product: str) -> Path:
    """Return where a clone has what is known of a product."""
    return Path("suites", "expectations", f"{product}.yaml")


@click.group("expect")
def expect_group() -> None:
    """Keep the expectations of a product up to date."""


@expect_group.command("update")
@click.argument("records", nargs=-1, required=True, type=RECORDS_PATH)
@click.option(
    "--file", "path", type=RECORDS_PATH, metavar="FILE", help="The expectation file, if not shipped."
)
@click.option("--reason", default="", help="Why it fails, from a trace: what is new gets an entry.")
@click.option("--reference", default="", help="With --reason: the bug, the source or the note.")
@click.option(
    "--class", "deviation_class", type=click.Choice([one.value for one in DeviationClass]), default="bug",
    show_default=True,
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@plainly
def update_command(
    records: tuple[Path, ...],
    path: Path | None,
    reason: str,
    reference: str,
    deviation_class: str,
    dry_run: bool,
) -> int:
    """Rewrite the expectations of a product from the runs in RECORDS; comments and order stay.

    Entries that pass are narrowed to other versions or taken out. What fails newly, or otherwise than
    expected, is listed; only with --reason and --reference it is written down, because that takes somebody
    who has read the trace. Exits with 1 where something is left.
    """
    if bool(reason) != bool(reference):
        raise click.UsageError("--reason and --reference go together")
    runs = [read_records(one) for one in records]
    products = sorted({run.run.product for run in runs})
    if len(products) > 1:
        raise click.UsageError(f"the runs are of several products: {', '.join(products)}")
    path = path or _shipped_expectations(products[0])
    triage = Triage(reason, reference, DeviationClass(deviation_class)) if reason else None
    text = read_text(path) if path.exists() else f"product: {products[0]}\n"
    found = update(text, str(path), runs, triage)
    for line in found.done:
        click.echo(line)
    for line in found.left:
        click.echo(f"not known: {line}")
    if not dry_run and found.text != text:
        write_text(path, found.text)
    return int(ExitCode.REGRESSIONS if found.left else ExitCode.FINE)


@expect_group.command("judge")
@click.argument("records", type=RECORDS_PATH)
@click.option("--output", type=RECORDS_PATH, metavar="FILE", required=True, help="Where the records go.")
@click.option(
    "--file", "path", type=RECORDS_PATH, metavar="FILE", help="The expectation file, if not shipped."
)
@plainly
def judge_command(records: Path, output: Path, path: Path | None) -> int:
    """Judge the run in RECORDS again, by the expectations of today; exits as the run would have."""
    found = read_records(records)
    run = found.run
    path = path or _shipped_expectations(run.product)
    expectations = load_expectations(path, run.product, run.version, run.configuration)
    again = judged_again(found, expectations)
    write_records(output, again.lines)
    if again.end is None:
        click.echo("the run did not come to its end")
        return int(ExitCode.INCOMPLETE)
    for problem in again.end.problems:
        click.echo(problem)
    return again.end.exit_code


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a line of a records file."""
    click.echo(schema_text(), nl=False)


RECORD_COMMANDS: Final[tuple[click.Command, ...]] = (
    gate_command, compare_command, report_command, import_command, expect_group, schema_command,
)  # fmt: skip
