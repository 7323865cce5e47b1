"""The product as a user starts it: real processes, real ports on this machine, real files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.installation import Installation, installation

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tools() -> None:
    """The programs that the tutorial uses."""
    missing = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
    if missing:
        pytest.fail(f"the journeys need {', '.join(missing)}: install them, for example with apt-get install curl jq")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A sandbox installation shared by the journeys of this worker."""
    with installation(tmp_path_factory.mktemp("journeys")) as started:
        yield started
