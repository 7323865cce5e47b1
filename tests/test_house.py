"""Rules of the house that no other tool checks."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from sqlalchemy import Table, UniqueConstraint

import energygrid
from energygrid.database.metadata import metadata
from energygrid.settings import Settings

ROOT = Path(energygrid.__file__).parent
REPOSITORY = ROOT.parents[1]


def _tables() -> list[Table]:
    for module in walk_packages([str(ROOT)], "energygrid."):
        if "tables" in module.name.rsplit(".", 1)[-1]:
            import_module(module.name)
    return list(metadata.tables.values())


def _keys(table: Table) -> Iterator[tuple[str, list[str]]]:
    yield "primary key", [column.name for column in table.primary_key]
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield str(constraint.name), [column.name for column in constraint.columns]
    for index in table.indexes:
        if index.unique:
            yield str(index.name), [getattr(expression, "name", str(expression)) for expression in index.expressions]


@pytest.mark.xdist_group("house")
def test_tests_of_a_group_run_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Not every pytest-xdist can tell them apart under every pytest, and it does not say so."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@house")


@pytest.mark.parametrize("table", _tables(), ids=lambda table: table.name)
def test_every_unique_key_holds_the_distribution_column_of_its_table(table: Table) -> None:
    """Citus refuses a distributed table with any other unique key (DESIGN, decision 2)."""
    column = table.info["distribution"]
    if column in {"reference", "local"}:
        return
    for name, columns in _keys(table):
        assert columns[0] == column, f"{table.name}: {name} is {columns}"


@pytest.mark.parametrize("table", _tables(), ids=lambda table: table.name)
def test_foreign_keys_stay_within_one_node(table: Table) -> None:
    column = table.info["distribution"]
    for key in table.foreign_key_constraints:
        target = key.referred_table
        if target.info["distribution"] == "reference" or column == "local":
            continue
        assert target.info["distribution"] == column
        assert column in key.column_keys


def _sources() -> list[Path]:
    return [path for path in ROOT.rglob("*.py") if "migrations" not in path.parts]


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


_STATEMENTS = {"select", "insert", "update", "delete", "text", "func", "literal_column"}
_SQL_ROOMS = re.compile(r"(^|/)(queries|tables|idempotency_tables)(\.py$|/)|^database/")


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_stands_in_queries_alone(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if _SQL_ROOMS.search(relative):
        return
    found = [name for module, name in _imports(path) if module.startswith("sqlalchemy") and name in _STATEMENTS]
    assert not found, f"{relative} builds SQL with {found}; statements stand in queries.py"


def test_no_conflict_clause_asks_for_the_time() -> None:
    """Citus refuses ON CONFLICT ... now() (DESIGN, decision 2)."""
    for path in _sources():
        for clause in re.findall(r"ON CONFLICT.*?(?:RETURNING|\"\"\")", path.read_text(), re.DOTALL | re.IGNORECASE):
            assert "now()" not in clause.lower(), path


def test_every_setting_is_documented() -> None:
    text = (REPOSITORY / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"`ENERGYGRID_{name.upper()}`" in text, f"docs/settings.md lacks {name}"
        assert field.description


_MACHINE = re.compile(r"(?:^|[\s\"'(=])/(?:work|farm|root|home)/[a-z]")


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    for folder in ("src", "tests", "docs", "bench"):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".toml", ".sh"} and path != Path(__file__):
                assert not _MACHINE.search(path.read_text()), path
