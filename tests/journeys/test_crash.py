"""`kill -9` of the API, the worker, PostgreSQL and all of them at random points under write load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROUNDS = 15

pytestmark = pytest.mark.xdist_group("crash")


def test_nothing_acknowledged_is_lost_half_applied_or_doubled_and_every_start_is_clean(tmp_path: Path) -> None:
    """The report names the seed; `python -m bench.crash --seed ... --keep folder` runs the same choices again."""
    result = subprocess.run(
        [sys.executable, "-m", "bench.crash", "--rounds", str(ROUNDS), "--json", "--keep", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.stdout, result.stderr
    report = json.loads(result.stdout)
    wrong = {kind: report[kind] for kind in ("lost", "half_applied", "doubled", "faults", "unclean")}
    assert not any(wrong.values()), report
    assert sum(report["kills"].values()) >= ROUNDS
    assert set(report["kills"]) == {"api", "worker", "postgresql", "all"}
    assert all(report["acknowledged"][kind] >= ROUNDS // 2 for kind in ("customer", "file", "bind"))
    assert result.returncode == 0
