"""The documentation is part of the product: what it names exists."""

import re
from pathlib import Path

import pytest
import typer.main

from energygrid.cli import app

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_command_is_documented_and_every_documented_command_exists() -> None:
    text = (REPOSITORY / "docs" / "command-line.md").read_text()
    commands = typer.main.get_group(app).list_commands(None)
    documented = set(re.findall(r"^\| `energygrid ([\w-]+)` \|", text, re.MULTILINE))
    assert documented == set(commands)


def test_every_exit_code_is_documented() -> None:
    from energygrid.cli.common import EXIT_CODES  # noqa: PLC0415

    text = (REPOSITORY / "docs" / "command-line.md").read_text()
    for code in EXIT_CODES.values():
        assert f"\n| {code} |" in text


def test_architecture_names_files_that_exist() -> None:
    source = REPOSITORY / "src" / "energygrid"
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    for name in re.findall(r"`((?:\w+/)+\w+\.py)(?::[^`]*)?`", text):
        assert (source / name).exists(), name


def test_every_tenant_setting_is_documented_in_its_section() -> None:
    from energygrid.cli.sections import SECTIONS  # noqa: PLC0415

    text = (REPOSITORY / "docs" / "tenant-settings.md").read_text()
    for section, model in SECTIONS.items():
        part = text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
        documented = set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE))
        assert documented == set(model.model_fields), section
