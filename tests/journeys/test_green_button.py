"""docs/green-button.md, pasted as it stands, against a started installation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench.installation import Installation
from lxml import etree

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "green-button.md"
ATOM = "{http://www.w3.org/2005/Atom}"

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.usefixtures("tools")]


def _titles(document: Path) -> list[str]:
    return [str(entry.findtext(f"{ATOM}title")) for entry in etree.parse(document).getroot().iter(f"{ATOM}entry")]


def test_every_command_of_the_page_works(running: Installation, tmp_path: Path) -> None:
    commands = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(commands) >= 6
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=tmp_path,
        env=os.environ | dict(running.credentials) | {"PATH": beside, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout[-2000:]
    usage = _titles(tmp_path / "usage.xml")
    assert {"UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters", "UsageSummary"} < set(usage)
    assert usage.count("UsagePoint") == 3
    assert _titles(tmp_path / "window.xml").count("IntervalBlock") == 5 * 31
    assert {"Customer", "CustomerAccount", "CustomerAgreement", "ServiceLocation"} < set(
        _titles(tmp_path / "customer.xml")
    )
    assert (tmp_path / "usage.csv").read_text().startswith("usage_point,")
    assert running.credentials["ENERGY_ESPI_SUBSCRIPTION"] in result.stdout
