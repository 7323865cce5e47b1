"""What was tried and what was acknowledged, in one file a writer; each line stands before the next step is taken."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


class Writer:
    """Appends lines `try <kind> <subject> <number>` and `ack <kind> <subject> <number> <id>`."""

    def __init__(self, file: Path) -> None:
        self._handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, *words: object) -> None:
        os.write(self._handle, (" ".join(map(str, words)) + "\n").encode())


@dataclass
class Ledger:
    """All writers' files, read as far as they have been written."""

    folder: Path
    tried: dict[tuple[str, str], int] = field(default_factory=dict)
    """(kind, subject) -> highest number that was sent."""
    acknowledged: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """(kind, subject) -> highest number that was answered, and the id in the answer."""
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _read: dict[Path, int] = field(default_factory=dict)

    def catch_up(self) -> None:
        for file in sorted(self.folder.glob("*.ledger")):
            with file.open("rb") as lines:
                lines.seek(self._read.get(file, 0))
                text = lines.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read[file] = self._read.get(file, 0) + len(whole)
            for line in whole.decode().splitlines():
                self._take(line)

    def _take(self, line: str) -> None:
        what, rest = line.split(" ", 1)
        if what == "fault":
            self.faults.append(rest)
            return
        kind, subject, number, *identity = rest.split(" ")
        if what == "try":
            self.tried[kind, subject] = int(number)
        else:
            self.counts[kind] += 1
            self.acknowledged[kind, subject] = (int(number), identity[0])

    def of(self, kind: str) -> dict[str, tuple[int, str]]:
        """Acknowledged writes of one kind by subject."""
        return {subject: told for (each, subject), told in self.acknowledged.items() if each == kind}
