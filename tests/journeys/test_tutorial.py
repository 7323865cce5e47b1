"""docs/tutorial.md, pasted as it stands (contracts/powerbox.md 1.12, TA-1 to TA-9)."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from bench.installation import Installation

REPOSITORY = Path(__file__).parents[2]
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
PUBLISHED = REPOSITORY.parent / "shared" / "contracts" / "source" / "powerbox-tutorial.txt"

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.usefixtures("tools")]


@dataclass
class Step:
    commands: str
    expected: str | None


def steps() -> list[Step]:
    """The page's command blocks, each with the output block that follows it."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", TUTORIAL.read_text(), re.DOTALL | re.MULTILINE)
    found: list[Step] = []
    for kind, text in blocks:
        if kind == "bash":
            found.append(Step(text, None))
        elif kind == "text" and found:
            found[-1].expected = text
    return found


def run_tutorial(running: Installation, folder: Path) -> list[tuple[str | None, str]]:
    """Paste every block into one shell; what each should print, and what it printed."""
    end = "--- end of step ---"
    script = "\n".join(f"{step.commands}\necho '{end}'" for step in steps())
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ | dict(running.credentials) | {"LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stderr == ""
    outputs = result.stdout.split(f"{end}\n")
    return [(step.expected, output) for step, output in zip(steps(), outputs, strict=False)]


def test_every_command_of_the_tutorial_prints_what_it_says_twice_in_a_row(
    running: Installation, tmp_path: Path
) -> None:
    assert len(steps()) >= 6
    for _ in range(2):
        for expected, output in run_tutorial(running, tmp_path):
            if expected is not None:
                assert output == expected


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published page is not beside this checkout")
def test_the_commands_are_the_published_ones() -> None:
    """Every curl and jq command of the published page stands on ours."""
    ours = _squeezed("".join(step.commands for step in steps()))
    published = PUBLISHED.read_text()
    beginnings = r"(?:curl -sS|ENERGY_TOKEN=|export (?:METER|PREMISE|HEM))"
    commands = re.findall(rf"^ +({beginnings}.*?)\n\n", published, re.DOTALL | re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        for line in command.splitlines():
            assert _squeezed(line).strip() in ours, line
