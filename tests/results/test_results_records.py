"""Records go to JSON lines and come back; what does not fit is refused with line and field."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from smbtorture_py.results.observation import Observation
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import (
    CaseRecord,
    EndRecord,
    RecordError,
    ResultRecord,
    RunRecord,
    from_json,
    read,
    schema_text,
    to_json,
)
from smbtorture_py.results.store import RecordWriter

RUN = RunRecord(
    run_id="r", started="2026-01-01T00:00:00+00:00", suite_version="0", target="t", product="p", version="1",
    configuration="", world="simulated", seed=1, capabilities=("a", "b"),
)  # fmt: skip
CASE = CaseRecord(
    case="a.b", variant="dialect=3.1.1", sentence="It does.", area="a", requirements=("SMB2-1",), level="MUST"
)
OBSERVATION = Observation(
    1, "x", "SMB2-1", "MUST", ("specification: SUCCESS",), "SUCCESS", None, Outcome.FAIL
)
RESULT = ResultRecord(
    case="a.b", variant="dialect=3.1.1", outcome=Outcome.FAIL, verdict=Verdict.REGRESSION, reason="é",
    observations=(OBSERVATION,), lacking=("x",),
)  # fmt: skip
END = EndRecord(finished="2026-01-01T00:00:01+00:00", counts={"fail": 1}, exit_code=1)


@pytest.mark.parametrize("record", [RUN, CASE, RESULT, END], ids=lambda one: type(one).__name__)
def test_round_trip(record):
    assert from_json(to_json(record)) == record


def test_file_round_trip_and_completeness(tmp_path):
    path = tmp_path / "deep" / "records.jsonl"
    with RecordWriter(path) as writer:
        for record in (RUN, CASE, RESULT, END):
            writer.write(record)
            assert to_json(record) in path.read_text(encoding="utf-8"), "a record is flushed at once"
    records = read(path)
    assert records.is_complete
    assert records.final["a.b/dialect=3.1.1"] == RESULT


def test_a_cut_off_file_is_read_and_incomplete(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join([to_json(RUN), to_json(CASE), to_json(RESULT)[:30]]), encoding="utf-8")
    records = read(path)
    assert not records.is_complete
    assert [case.key for case in records.missing] == [CASE.key]


def test_a_later_attempt_wins(tmp_path):
    path = tmp_path / "records.jsonl"
    with RecordWriter(path) as writer:
        for record in (RUN, CASE, RESULT, replace(RESULT, outcome=Outcome.PASS, attempt=2)):
            writer.write(record)
    assert read(path).final[CASE.key].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"record": "other"}', "record"),
        (to_json(END).replace('"exit_code":1', '"exit_code":9'), "exit_code"),
        (to_json(RESULT).replace('"fail"', '"failed"', 1), "outcome"),
        (to_json(CASE).replace('"area":"a",', ""), "area"),
        (to_json(CASE).replace('"area":"a",', '"area":"a","arena":1,'), "arena"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, line, told):
    path = tmp_path / "records.jsonl"
    path.write_text(f"{to_json(RUN)}\n{line}\n", encoding="utf-8")
    with pytest.raises(RecordError, match=told) as caught:
        read(path)
    assert f"{path}:2" in str(caught.value)


def test_a_file_must_begin_with_its_run(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text(to_json(CASE) + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match="run record"):
        read(path)


def test_every_example_of_the_schema_fits_and_reads():
    schema = json.loads(schema_text())
    kinds = {"run", "case", "result", "hook", "end"}
    examples = {kind: schema["$defs"][kind]["examples"] for kind in kinds}
    assert all(examples.values())
    for kind, values in examples.items():
        for value in values:
            record = from_json(json.dumps(value))
            assert json.loads(to_json(record)) == value, "an example leaves nothing out"
            assert value["record"] == kind


def test_the_page_about_records_names_every_field():
    schema = json.loads(schema_text())
    page = (Path(__file__).resolve().parents[2] / "docs" / "records.md").read_text(encoding="utf-8")
    for kind in schema["$defs"].values():
        for field in kind["properties"]:
            assert f"`{field}`" in page, field


def test_a_packed_file_is_read_and_a_damaged_one_refused(tmp_path):
    text = "".join(to_json(one) + "\n" for one in (RUN, CASE, RESULT, END))
    packed = gzip.compress(text.encode())
    path = tmp_path / "records.jsonl.gz"
    path.write_bytes(packed)
    assert read(path).is_complete
    for damaged in (packed[:-20], b"nonsense", packed[:20] + b"xxxx" + packed[24:]):
        path.write_bytes(damaged)
        with pytest.raises(RecordError, match=r"records\.jsonl\.gz: cannot be unpacked"):
            read(path)
