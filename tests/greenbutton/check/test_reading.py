"""Documents of strangers: nothing that is sent makes the checker fetch, expand, overrun or fail."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.greenbutton.check.conftest import BLOCKS_A_DAY, FEEDS, customer_feed, meter_year, usage_feed, written

from energygrid.errors import Invalid
from energygrid.greenbutton import check

USAGE_TEXT = (FEEDS / "usage.xml").read_bytes()


def only(report: check.Report) -> tuple[str, int]:
    [finding] = report.findings
    assert finding.severity == "error"
    assert not report.ok
    return finding.rule, finding.line


def test_what_is_not_xml_is_said_with_its_line() -> None:
    assert only(check.run(b"")) == ("X01", 0) or only(check.run(b""))[0] == "X01"
    assert only(check.run(b"start,value\n1,2\n")) == ("X01", 1)
    assert only(check.run(USAGE_TEXT[: len(USAGE_TEXT) // 2]))[0] == "X01"


def test_entities_are_not_expanded_and_files_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    text = f'<!DOCTYPE feed [<!ENTITY e SYSTEM "file://{secret}">]><feed xmlns="http://www.w3.org/2005/Atom"><title>&e;</title></feed>'
    report = check.run(text.encode())
    assert only(report)[0] == "X02"
    assert "secret" not in json.dumps(report.to_json())


def test_a_bomb_of_entities_is_refused_at_once() -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20))
    began = time.monotonic()
    report = check.run(f'<!DOCTYPE a [<!ENTITY e0 "ha">{levels}]><a>&e19;</a>'.encode())
    assert only(report)[0] in {"X01", "X02"}
    assert time.monotonic() - began < 5


def test_depth_is_bounded() -> None:
    assert only(check.run(b"<a>" * 100_000))[0] == "X01"


def test_size_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(USAGE_TEXT)
    assert only(check.run(path, max_bytes=1000))[0] == "X02"
    assert only(check.run(USAGE_TEXT, max_bytes=1000))[0] == "X02"
    assert check.run(path, max_bytes=len(USAGE_TEXT)).ok


def test_another_root_is_said() -> None:
    assert {"A01", "X03"} <= {each.rule for each in check.run(b"<html><body/></html>").findings}


def test_a_function_block_without_data_checks_is_refused() -> None:
    with pytest.raises(Invalid, match="function block 99"):
        check.run(USAGE_TEXT, {1, 99})


def test_many_findings_of_a_rule_are_counted_beyond_the_first_fifty() -> None:
    text = USAGE_TEXT.replace(b"<value>", b"<value>-")
    report = check.run(text)
    assert sum(each.rule == "S10" for each in report.findings) == 3  # one for each block
    without = check.run(re.sub(rb"<value>\d+</value>(<tou>)", rb"\1", USAGE_TEXT))
    assert sum(each.rule == "D046" for each in without.findings) == 50
    assert without.omitted["D046"] == 288 - 50
    listed = sum(each.severity == "error" for each in without.findings)
    assert without.count("error") == listed + without.omitted["D046"]


def test_the_report_as_json_says_it_all() -> None:
    said = json.loads(json.dumps(check.run(USAGE_TEXT).to_json()))
    assert said["ok"] is True
    assert (said["errors"], said["warnings"], said["notes"]) == (0, 0, 1)
    assert {"number": 5, "name": "Electricity intervals", "passes": True} in said["functionBlocks"]
    assert said["findings"][0].keys() == {"rule", "block", "severity", "line", "message", "advice"}
    assert said["resources"]["IntervalBlock"] == 3
    assert "D078" in said["held"]


def test_a_year_of_quarter_hours_is_checked_in_seconds() -> None:
    text = meter_year(365)
    assert text.count(b"<IntervalReading>") == 365 * BLOCKS_A_DAY
    began = time.process_time()
    report = check.run(text)
    assert time.process_time() - began < 15
    assert report.ok
    [wrong_day] = [each for each in report.findings if each.severity == "warning"]
    assert wrong_day.message == "the local day of 2026-03-08T05:00Z has 82800 s, the block 86400 s"
    assert wrong_day.line > 60


VALID = [written(usage_feed()), written(customer_feed())]


@settings(max_examples=150, deadline=None)
@given(
    text=st.sampled_from(VALID),
    cut=st.tuples(st.floats(0, 1), st.integers(0, 60)),
    new=st.sampled_from([b"", b"<", b"-1", b"9" * 40, b"1.5", b"<a/>", b"\xff", b"&amp;", b"http://x", b" "]),
)
def test_whatever_is_broken_the_answer_is_a_report(text: bytes, cut: tuple[float, int], new: bytes) -> None:
    place, length = int(cut[0] * len(text)), cut[1]
    report = check.run(text[:place] + new + text[place + length :])
    json.dumps(report.to_json())


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_a_report(text: bytes) -> None:
    assert not check.run(text).ok
