"""A zip of one file: powerbox.md 4.8, step 9."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from energygrid.errors import DomainError, Invalid
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.zip_files import unpacked

OPTIONS = ImportOptions(zone="UTC", now=datetime(2026, 1, 1, tzinfo=UTC))


def zipped(*files, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def opened(data, **changes):
    source, name = unpacked(io.BytesIO(data), "x.zip", replace(OPTIONS, **changes))
    return source.read(), name


def test_the_one_file_comes_out_with_its_name():
    assert opened(zipped(("nem12.csv", b"100,NEM12\n" * 1000))) == (b"100,NEM12\n" * 1000, "nem12.csv")


def test_what_is_no_zip_comes_back_as_it_is():
    assert opened(b"100,NEM12") == (b"100,NEM12", "x.zip")


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("a", b"1"), ("b", b"2")],
        [("folder/a", b"1")],
        [("../a", b"1")],
        [("/etc/passwd", b"1")],
        [(".hidden", b"1")],
    ],
)
def test_other_zips_are_refused(files):
    with pytest.raises(Invalid) as raised:
        opened(zipped(*files))
    assert raised.value.code == "BAD_ZIP"


def test_a_bomb_is_refused_before_it_goes_off():
    with pytest.raises(Invalid, match="honestly"):
        opened(zipped(("a", b"0" * 30_000_000)))
    with pytest.raises(Invalid, match="larger than"):
        opened(zipped(("a", b"0123456789" * 100)), max_bytes=999)


def test_an_encrypted_zip_is_refused():
    data = bytearray(zipped(("a", b"1")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Invalid, match="encrypted"):
        opened(bytes(data))


def test_a_damaged_zip_never_gives_wrong_bytes():
    content = bytes(range(256)) * 8
    whole = zipped(("a", content))
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        for data in (bytes(damaged), whole[:at]):
            try:
                got, name = opened(data)
            except DomainError:
                continue
            assert got in {content, data} or name != "a"
