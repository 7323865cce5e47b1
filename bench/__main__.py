"""`make bench`: what this machine reaches, beside what it could reach at most."""

import argparse
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import aggregation, baselines, consumption, flexibility, greenbutton, ingest, reads, requests_bench, webhooks
from bench.figures import console
from bench.installation import installation

SECTIONS = {
    "ingest": ingest.run,
    "reads": reads.run,
    "aggregation": aggregation.run,
    "requests": requests_bench.run,
    "greenbutton": greenbutton.run,
    "consumption": consumption.run,
    "baselines": baselines.run,
    "flexibility": flexibility.run,
    "webhooks": webhooks.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="sections to run; all if none is named")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each ingest file")
    parser.add_argument("--meters", type=int, nargs="*", default=[100, 10_000], help="sizes to run at")
    chosen = parser.parse_args()
    console.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, one run\n")
    with tempfile.TemporaryDirectory(prefix="energygrid-bench-") as folder:
        for meters in chosen.meters:
            console.rule(f"{meters:,} meters")
            with installation(Path(folder)) as running:
                ingest.add_meters(running, meters)
                for name in chosen.sections or SECTIONS:
                    SECTIONS[name](running, meters, chosen.rows)


if __name__ == "__main__":
    main()
