"""A zip holding one file: opened without trusting what it says about itself (powerbox.md 4.8, step 9)."""

import io
import zipfile
import zlib
from typing import IO, BinaryIO, cast

from energygrid.errors import Invalid
from energygrid.metering.importers.options import ImportOptions

_MAGIC = b"PK\x03\x04"
_EMPTY = b"PK\x05\x06"
_MOST_RATIO = 400
"""Days of zeros in a NEM12 file compress some 200 times; a bomb, 1,000 times and more."""
_RATIO_FREE_BYTES = 1 << 20


def is_zip(head: bytes) -> bool:
    return head.startswith((_MAGIC, _EMPTY))


def unpacked(source: BinaryIO, name: str, options: ImportOptions) -> tuple[BinaryIO, str]:
    """The one file in a zip and its name; anything else comes back as it is. `source` must be seekable.

    Raises Invalid BAD_ZIP, now or while it is read, when there is not exactly one plain file in it, when that is
    encrypted, damaged, or unpacks to more than `options.max_bytes` or 400 times its packed size.
    """
    start = source.tell()
    head = source.read(4)
    source.seek(start)
    if not is_zip(head):
        return source, name
    try:
        archive = zipfile.ZipFile(source)
        members = archive.infolist()
        if len(members) != 1:
            raise Invalid("BAD_ZIP", f"the zip holds {len(members)} files; one is expected")
        member = members[0]
        _check(member, options)
        return cast(
            "BinaryIO", io.BufferedReader(_Member(archive.open(member), member, options), 1 << 20)
        ), member.filename
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as problem:
        raise Invalid("BAD_ZIP", f"the zip cannot be opened: {problem}"[:200]) from None


def _check(member: zipfile.ZipInfo, options: ImportOptions) -> None:
    path = member.filename
    if member.is_dir() or "/" in path or "\\" in path or path.startswith("."):
        raise Invalid("BAD_ZIP", "the zip must hold a plain file, without a folder")
    if member.flag_bits & 1:
        raise Invalid("BAD_ZIP", "the zip is encrypted")
    if member.file_size > options.max_bytes:
        raise Invalid("BAD_ZIP", f"the file in the zip is larger than {options.max_bytes} bytes")


class _Member(io.RawIOBase):
    """The unpacked bytes, counted: a zip's own word on sizes is not believed."""

    def __init__(self, stream: IO[bytes], member: zipfile.ZipInfo, options: ImportOptions) -> None:
        self._stream = stream
        self._most = min(options.max_bytes, _RATIO_FREE_BYTES + member.compress_size * _MOST_RATIO)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as problem:
            raise Invalid("BAD_ZIP", f"the zip is damaged: {problem}"[:200]) from None
        self._count += len(data)
        if self._count > self._most:
            raise Invalid("BAD_ZIP", "the zip unpacks to more than its size can honestly hold")
        buffer[: len(data)] = data
        return len(data)
