"""docs/how-to/run-an-event.md, pasted as it stands: an event day, and a receiver of webhooks in its own process."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from bench.installation import Installation, free_port, installation

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-an-event.md"
_END = "--- end of step ---\n"
_MOST_S = 90

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.usefixtures("tools")]


def steps() -> list[tuple[str, str | None]]:
    """The page's command blocks, each with the output block that follows it."""
    found: list[tuple[str, str | None]] = []
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        if kind == "bash":
            found.append((block, None))
        elif kind == "text":
            found[-1] = (found[-1][0], block)
    return found


def paste(running: Installation, folder: Path) -> tuple[str, str]:
    """Everything that one shell printed, and its complaints; a day that never comes to its end is cut short."""
    script = "".join(f"{commands}\nprintf '%s' '{_END}'\n" for commands, _ in steps())
    env = os.environ | dict(running.credentials) | {"LC_ALL": "C.UTF-8", "RECEIVER_PORT": str(free_port())}
    out, err = folder / "out.txt", folder / "err.txt"
    with out.open("w") as stdout, err.open("w") as stderr:
        command = ["bash", "-c", f"trap 'kill $(jobs -p) 2> /dev/null' EXIT\n{script}"]
        shell = subprocess.Popen(command, cwd=folder, env=env, stdout=stdout, stderr=stderr, start_new_session=True)
        try:
            shell.wait(_MOST_S)
        except subprocess.TimeoutExpired:
            shell.terminate()
            shell.wait()
    return out.read_text(), err.read_text()


def test_every_command_of_the_event_day_prints_what_it_says(tmp_path: Path) -> None:
    """On an installation of its own: the day moves the sandbox's clock."""
    with installation(tmp_path) as running:
        printed, complaints = paste(running, tmp_path)
    outputs = printed.split(_END)
    for (commands, expected), output in zip(steps(), outputs, strict=False):
        assert expected is None or output == expected, f"{commands}\n{complaints}"
    assert len(outputs) == len(steps()) + 1, f"it never came to its end: {complaints}"
    assert complaints == ""
