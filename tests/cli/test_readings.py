"""`import`, `export` and `findings` as a person types them."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.engine import URL
from tests.conftest import Clones, copied, keep_contents
from tests.metering.test_ingest import day_csv
from typer.testing import CliRunner, Result

from energygrid import sandbox
from energygrid.access import tenants
from energygrid.access.vault import Vault
from energygrid.billing.records import known
from energygrid.cli import app
from energygrid.cli.common import EXIT_CODES
from energygrid.database.engine import Database
from energygrid.errors import DomainError, Invalid, NotFound
from energygrid.ingest import jobs
from energygrid.services import open_services
from energygrid.settings import Settings

SAMPLES = Path(__file__).parents[3] / "shared" / "espi-samples"
METER = "123456789"


@pytest.fixture(scope="session")
def sandboxes(server: URL, template: URL) -> Iterator[Clones]:
    """Databases with the sandbox in it: loading it takes longer than most tests."""
    with copied(server, str(template.database)) as url, pytest.MonkeyPatch.context() as environment:
        _settings(environment, url)
        with open_services(Settings()) as services:
            sandbox.load(services)
        keep_contents(url)
        yield Clones(server, url)


def _settings(environment: pytest.MonkeyPatch, url: URL) -> None:
    environment.setenv("ENERGYGRID_DATABASE_URL", url.render_as_string(hide_password=False))
    environment.setenv("ENERGYGRID_SECRET_KEY", bytes(range(32)).hex())
    environment.setenv("ENERGYGRID_ENVIRONMENT", "sandbox")


@pytest.fixture
def database(sandboxes: Clones) -> Iterator[Database]:
    """A sandbox of this test's own."""
    with sandboxes.database(pool_size=4) as database:
        yield database


@pytest.fixture
def type_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on this test's sandbox."""
    _settings(monkeypatch, database.url)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


def exit_code(result: Result) -> int:
    """What `energygrid` itself would end with."""
    if isinstance(result.exception, DomainError):
        return next(code for kind, code in EXIT_CODES.items() if isinstance(result.exception, kind))
    return result.exit_code


def test_a_file_goes_in_and_comes_out_again(type_in: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(day_csv(METER, "01/15/2024"))
    done = type_in("import", file, "--json")
    assert done.exit_code == 0, done.output
    [summary] = json.loads(done.stdout)
    assert (summary["state"], summary["accepted"], summary["rejected"]) == ("completed", 96, 0)
    out = type_in("export", "--meter", METER, "--from", "2024-01-15", "--to", "2024-01-16")
    rows = list(csv.DictReader(io.StringIO(out.stdout)))
    assert [row["value"] for row in rows] == [str(round(0.1 + n / 1000, 3)) for n in range(96)]
    assert rows[0]["start"] == "2024-01-15T05:00:00Z"


def test_days_that_no_reading_can_have_are_no_span(type_in: Callable[..., Result]) -> None:
    for first, end in (("2024-01-01", "9999-12-31"), ("0001-01-01", "2024-01-01"), ("2024-02-01", "2023-01-01")):
        refused = type_in("export", "--meter", METER, "--from", first, "--to", end)
        assert exit_code(refused) == 2
    assert type_in("--version").stdout.startswith("energygrid ")


@pytest.mark.parametrize("format_", ["parquet", "csv", "json"])
def test_an_export_has_a_row_an_interval_and_a_gap_is_empty(
    type_in: Callable[..., Result], tmp_path: Path, format_: str
) -> None:
    file = tmp_path / f"gap.{format_}"
    done = type_in(
        "export", "--meter", METER, "--from", "2001-01-01", "--to", "2001-01-02", "--format", format_, "--out", file
    )
    assert done.exit_code == 0, done.output
    frame = {"parquet": pl.read_parquet, "csv": pl.read_csv, "json": pl.read_json}[format_](file)
    assert frame.height == 96
    assert frame["value"].null_count() == 96


def test_a_month_with_a_missing_reading_is_empty_and_units_convert(
    type_in: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(day_csv(METER, "01/15/2024", [1.0] * 96))
    type_in("import", file)
    day = ("--from", "2024-01-15", "--to", "2024-01-16")
    months = type_in("export", "--meter", METER, *day, "--grain", "month")
    hours = type_in("export", "--meter", METER, *day, "--grain", "hour", "--unit", "Wh")
    days = type_in("export", "--meter", METER, *day, "--grain", "day")
    assert [row["value"] for row in csv.DictReader(io.StringIO(hours.stdout))] == ["4000.0"] * 24
    assert [row["value"] for row in csv.DictReader(io.StringIO(days.stdout))] == ["96.0"]
    assert [row["value"] for row in csv.DictReader(io.StringIO(months.stdout))] == [""]


def test_the_same_file_again_is_a_duplicate_and_a_broken_one_is_refused(
    type_in: Callable[..., Result], tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(day_csv(METER))
    bad.write_text("no,usage\nfile,1\n")
    assert type_in("import", good).exit_code == 0
    again = type_in("import", good, "--json")
    assert json.loads(again.stdout)[0]["state"] == "duplicate"
    refused = type_in("import", bad, "--json")
    assert refused.exit_code == EXIT_CODES[Invalid]
    assert json.loads(refused.stdout)[0]["errorCode"] == "UNSUPPORTED_FORMAT"


def test_a_manifest_beside_the_file_is_held_against_it(type_in: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(day_csv(METER))
    (tmp_path / "day.csv.manifest.json").write_text('{"rows": 1}')
    result = type_in("import", file, "--json")
    assert json.loads(result.stdout)[0]["errorCode"] == "MANIFEST_MISMATCH"


def test_a_meter_map_names_the_meters_of_a_feed(type_in: Callable[..., Result], tmp_path: Path) -> None:
    file, names = tmp_path / "day.csv", tmp_path / "names.csv"
    file.write_bytes(day_csv("theirs", "01/15/2024"))
    names.write_text(f"theirs,{METER}\n")
    result = type_in("import", file, "--meter-map", names, "--json")
    assert json.loads(result.stdout)[0]["accepted"] == 96


def test_a_meter_without_readings_is_said_to_be_unknown(type_in: Callable[..., Result]) -> None:
    result = type_in("export", "--meter", "nobody", "--from", "2026-01-01", "--to", "2026-01-02")
    assert exit_code(result) == EXIT_CODES[NotFound]


def test_what_the_rules_noticed_is_listed(type_in: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    twice = day_csv(METER, "01/15/2024").replace(
        b"A1,P1,123456789,01/15/2024 00:15", b"A1,P1,123456789,01/15/2024 00:00"
    )
    file.write_bytes(twice)
    assert type_in("import", file).exit_code == 0
    found = json.loads(type_in("findings", "--meter", METER, "--json").stdout)
    assert [finding["rule"] for finding in found] == ["V01"]


@pytest.mark.skipif(not SAMPLES.exists(), reason="the public sample feeds are not beside this checkout")
def test_the_public_feeds_import_and_the_invalid_ones_say_what_is_wrong(
    type_in: Callable[..., Result], tmp_path: Path
) -> None:
    names = tmp_path / "names.csv"
    names.write_text(f"9c1d2e3f4a5b,{METER}\n")
    feeds = sorted(SAMPLES.glob("*.xml"))
    assert len(feeds) >= 9
    for feed in feeds:
        result = type_in("import", feed, "--meter-map", names, "--json")
        assert result.exit_code == 0, (feed.name, result.output)
        [summary] = json.loads(result.stdout)
        assert summary["state"] == "completed"
        if "NONVALID" in feed.name:
            assert summary["warnings"] > 0
        if feed.name == "golden_usage.xml":
            assert summary["accepted"] == 288


@pytest.mark.skipif(not SAMPLES.exists(), reason="the public sample feeds are not beside this checkout")
def test_the_public_customer_feeds_tell_of_the_meters_and_accounts_they_are_mapped_to(
    type_in: Callable[..., Result], tmp_path: Path, database: Database, vault: Vault
) -> None:
    """File: what is mapped, records made, and the resources that became none."""
    house = {"9c1d2e3f4a5b": "400000001", "1902731": "400000001", "1902730": "400000002", "1902729": "400000003"}
    expected = {
        "06_retail_customer_pge": ({"1121183459": "200000004", "1687340014": "A-4"}, 3, []),
        "07_retail_customer_bulk_sce": (
            {"2.16.840.1.114416.1.5.222013991111": "200000005", "2-00-111-1111": "A-5"},
            3,
            ["ServiceSupplier"] * 3,
        ),
        "09_utilityapi_retail_customer_NONVALID": (house | {"111111111-1": "40-0001-7"}, 10, []),
        "golden_retailcustomer": (house | {"111111111-1": "40-0001-7"}, 5, ["Statement"]),
    }
    for name, (mapped, records, left_out) in expected.items():
        names = tmp_path / "names.csv"
        names.write_text("".join(f"{theirs},{ours}\n" for theirs, ours in mapped.items()))
        result = type_in("import", SAMPLES / f"{name}.xml", "--meter-map", names, "--json")
        [summary] = json.loads(result.stdout)
        assert (summary["state"], summary["records"]) == ("completed", records), name
        notes = database.read(jobs.notes, 1, summary["job"])
        assert [each.message.partition(":")[0] for each in notes if each.code == "RECORD_NOT_IMPORTED"] == left_out
        assert type_in("import", SAMPLES / f"{name}.xml", "--json").exit_code == 0
    tenant = database.read(tenants.find_tenant, "sandbox")
    places = database.read(known.locations, vault, tenant, ["200000004", "200000005", "400000001"])
    assert {meter: (each.facts.street, each.facts.postal_code) for meter, each in places.items()} == {
        "200000004": ("140 HAN RD", "95101"),
        "200000005": ("11111 COLORADO ST", "92260"),
        "400000001": ("1 MAIN ST", "12345"),
    }
    agreements = database.read(known.agreements, tenant.id, ["A-4", "A-5"])
    assert {(each.facts.agreement_id, each.facts.meter_id, each.facts.status) for each in agreements} == {
        ("1112392222", "200000004", "Active"),
        ("3-001-4647-18", "200000005", None),
    }
    [program] = [
        program
        for each in database.read(known.agreements, tenant.id, ["40-0001-7"])
        if each.facts.agreement_id == "11300-00000"
        for program in each.facts.programs
    ]
    assert (program.name, [(dated.code, dated.date) for dated in program.dates]) == ("Peak Saver", [("PS1", None)])


def test_options_that_are_wrong_end_with_two(type_in: Callable[..., Result]) -> None:
    assert type_in("export", "--meter", METER, "--from", "yesterday", "--to", "2026-01-02").exit_code == 2
    assert type_in("import", "no-such-file.csv").exit_code == 2


def test_every_listing_has_json(type_in: Callable[..., Result]) -> None:
    for command in ("tenants list", "clients list", "users list", "keys list", "audit", "findings", "doctor"):
        result = type_in(*command.split(), "--json")
        assert isinstance(json.loads(result.stdout), list), command
    exported = json.loads(type_in("sandbox", "credentials", "--json").stdout)
    assert set(exported) >= {"ENERGY_CLIENT_ID", "ENERGY_CLIENT_SECRET", "ENERGY_BASE_URL", "ENERGY_IDP_URL"}


def test_an_export_is_in_the_audit_log(type_in: Callable[..., Result]) -> None:
    type_in("export", "--meter", METER, "--from", "2026-01-01", "--to", "2026-01-02")
    entries = json.loads(type_in("audit", "--subject", f"meter/{METER}", "--json").stdout)
    assert [entry["action"] for entry in entries] == ["readings.exported"]
    assert datetime.fromisoformat(entries[0]["at"]).tzinfo is not None


def test_credentials_name_the_address_the_sandbox_is_served_at(
    type_in: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGYGRID_PUBLIC_URL", "http://127.0.0.1:8000")
    printed = type_in("sandbox", "credentials", "--url", "http://127.0.0.1:8711").stdout
    assert "export ENERGY_BASE_URL=http://127.0.0.1:8711/v1\n" in printed


def test_a_file_whose_import_was_killed_is_not_a_duplicate(
    type_in: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 4.8: killing the loader at any point and running it again gives the same tables."""
    file = tmp_path / "day.csv"
    file.write_bytes(day_csv(METER, "01/15/2024"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("energygrid.metering.ingest.follow_up", killed)
        assert type_in("import", file).exit_code != 0
    [summary] = json.loads(type_in("import", file, "--json").stdout)
    assert (summary["state"], summary["accepted"]) == ("completed", 96)
