"""Extraction: complete or not at all, and safe for any archive."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.fetching import archives
from bots.fetching.decompress import DecompressingReader
from mailauncher.errors import DeploymentFailed, InsufficientSpace, LauncherError
from tests.support.small_disk import small_disk

MIB = 1 << 20
EACH: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress, lzma.compress]


def unpack(archive: Path, kind: Any, into: Path, **given: Any) -> Path:
    archives.extract(archive, kind, into, **({"limit_bytes": 64 * MIB, "limit_entries": 1000} | given))
    return into


def refused(archive: Path, kind: Any, into: Path, word: str, **given: Any) -> None:
    """Requires that the archive is refused with a reason that contains the word, and that nothing remains."""
    before = set(archive.parent.rglob("*")) | {into}
    with pytest.raises(DeploymentFailed) as caught:
        unpack(archive, kind, into, **given)
    assert word in caught.value.text.en
    assert caught.value.text.zh != caught.value.text.en
    assert len(caught.value.text.en) < 500
    assert set(archive.parent.rglob("*")) == before


Entry = tuple[str, bytes | None] | tarfile.TarInfo


def tar_bytes(*entries: Entry) -> bytes:
    """A tar archive of names with content (None: a folder) and prepared entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry, io.BytesIO(bytes(entry.size)))
                continue
            name, content = entry
            info = tarfile.TarInfo(name)
            info.size = len(content or b"")
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info, io.BytesIO(content or b""))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def deb_bytes(data: bytes, name: str = "data.tar.xz") -> bytes:
    """A Debian package around a `data.tar`."""

    def member(label: str, content: bytes) -> bytes:
        header = f"{label:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        return header + content + b"\n" * (len(content) % 2)

    control = gzip.compress(tar_bytes(("./control", b"Package: x\n")))
    return (
        b"!<arch>\n"
        + member("debian-binary", b"2.0\n")
        + member("control.tar.gz", control)
        + member(name, data)
    )


def zip_file(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def tar_file(folder: Path, *entries: Entry) -> Path:
    return written(folder / "a.tar", tar_bytes(*entries))


# What comes out


SIMPLE = (("QQ/", None), ("QQ/qq", b"program"), ("QQ/resources/app.js", b"main"), ("QQ/\u732b.txt", b""))


@pytest.mark.parametrize("compress", EACH, ids=["plain", "gzip", "bzip2", "xz"])
def test_a_tar_is_extracted_with_any_compression(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    archive = written(tmp_path / "a", compress(tar_bytes(*SIMPLE)))
    into = unpack(archive, "tar", tmp_path / "into")
    assert (into / "QQ/qq").read_bytes() == b"program"
    assert (into / "QQ/resources/app.js").read_bytes() == b"main"
    assert (into / "QQ/\u732b.txt").read_bytes() == b""


def test_an_lzma_file_is_read(tmp_path: Path) -> None:
    packed = lzma.compress(tar_bytes(*SIMPLE), lzma.FORMAT_ALONE)
    into = unpack(written(tmp_path / "a", packed), "tar", tmp_path / "into")
    assert (into / "QQ/qq").read_bytes() == b"program"


@pytest.mark.parametrize("compress", EACH[1:], ids=["gzip", "bzip2", "xz"])
def test_concatenated_compressed_files_are_read_as_one(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    plain = tar_bytes(("a", os.urandom(200_000)), ("b", b"end"))
    joined = compress(plain[:70_001]) + compress(plain[70_001:]) + bytes(8)
    into = unpack(written(tmp_path / "a", joined), "tar", tmp_path / "into")
    assert (into / "b").read_bytes() == b"end"
    assert (into / "a").read_bytes() == plain[512 : 512 + 200_000]


@pytest.mark.slow
def test_large_content_is_extracted_unchanged(tmp_path: Path) -> None:
    content = os.urandom(300_000) + bytes(3 * MIB) + b"x" * 777
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        folder = tmp_path / compress.__module__
        folder.mkdir()
        archive = written(folder / "a", compress(tar_bytes(("f", content), ("g", content[:512]))))
        into = unpack(archive, "tar", folder / "into")
        assert (into / "f").read_bytes() == content
        assert (into / "g").read_bytes() == content[:512]


def test_a_zip_is_extracted(tmp_path: Path) -> None:
    archive = zip_file(
        tmp_path / "a.zip", ("config/", b""), ("config/a.json", b"{}"), ("napcat.mjs", b"x" * 5000)
    )
    into = unpack(archive, "zip", tmp_path / "into")
    assert (into / "config/a.json").read_bytes() == b"{}"
    assert (into / "napcat.mjs").read_bytes() == b"x" * 5000


@pytest.mark.parametrize(
    "name, compress",
    [("data.tar.xz", lzma.compress), ("data.tar.gz", gzip.compress), ("data.tar/", bytes)],
    ids=["xz", "gzip", "plain"],
)
def test_a_debian_package_is_extracted(tmp_path: Path, name: str, compress: Callable[[bytes], bytes]) -> None:
    data = tar_bytes(("./", None), ("./opt/QQ/qq", b"program"))
    archive = written(tmp_path / "a.deb", deb_bytes(compress(data), name))
    assert (unpack(archive, "deb", tmp_path / "into") / "opt/QQ/qq").read_bytes() == b"program"


def test_zstd_is_reported_as_unsupported(tmp_path: Path) -> None:
    archive = written(tmp_path / "a.deb", deb_bytes(b"\x28\xb5\x2f\xfd" + bytes(50), "data.tar.zst"))
    refused(archive, "deb", tmp_path / "into", "zstd")


def test_strip_drops_leading_folders_and_entries_without_more(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, ("./", None), ("v1/", None), ("README", b"r"), ("v1/opt/qq", b"p"))
    into = unpack(archive, "tar", tmp_path / "into", strip=1)
    assert [path.relative_to(into).as_posix() for path in sorted(into.rglob("*"))] == ["opt", "opt/qq"]


def test_mode_bits_beyond_rwxr_xr_x_are_dropped(tmp_path: Path) -> None:
    def entry(name: str, mode: int) -> tarfile.TarInfo:
        return special(name, tarfile.REGTYPE, mode=mode)

    archive = tar_file(
        tmp_path, entry("qq", 0o4777), entry("key", 0o600), entry("doc", 0o666), entry("none", 0)
    )
    into = unpack(archive, "tar", tmp_path / "into")
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in into.iterdir()} == {
        "qq": "0o755",
        "key": "0o600",
        "doc": "0o644",
        "none": "0o600",
    }


def test_a_private_folder_stays_private(tmp_path: Path) -> None:
    archive = tar_file(
        tmp_path,
        special("keys/", tarfile.DIRTYPE, mode=0o7700),
        ("keys/a", b"1"),
        special("odd/", tarfile.DIRTYPE, mode=0),
        ("odd/a", b"1"),
    )
    into = unpack(archive, "tar", tmp_path / "into")
    assert [oct(stat.S_IMODE((into / name).stat().st_mode)) for name in ("keys", "odd")] == ["0o700", "0o700"]
    assert (into / "odd/a").read_bytes() == b"1"


def test_modes_of_a_zip_count_only_if_it_was_made_on_unix(tmp_path: Path) -> None:
    program, plain = zipfile.ZipInfo("qq"), zipfile.ZipInfo("doc")
    program.create_system, program.external_attr = 3, (stat.S_IFREG | 0o6755) << 16
    plain.create_system, plain.external_attr = 0, 0o777 << 16
    into = unpack(zip_file(tmp_path / "a.zip", (program, b""), (plain, b"")), "zip", tmp_path / "into")
    assert stat.S_IMODE((into / "qq").stat().st_mode) == 0o755
    assert stat.S_IMODE((into / "doc").stat().st_mode) == 0o644


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_chinese_names_without_the_utf_8_flag_are_read(tmp_path: Path, encoding: str) -> None:
    name = "\u914d\u7f6e/\u8868\u60c5.txt".encode(encoding)
    placeholder = "x" * len(name)
    zip_file(tmp_path / "a.zip", (placeholder, b"hello"))
    archive = tmp_path / "a.zip"
    archive.write_bytes(archive.read_bytes().replace(placeholder.encode(), name))
    into = unpack(archive, "zip", tmp_path / "into")
    assert (into / "\u914d\u7f6e/\u8868\u60c5.txt").read_bytes() == b"hello"


def test_links_inside_the_folder_are_created(tmp_path: Path) -> None:
    archive = tar_file(
        tmp_path,
        special("lib/libz.so", tarfile.SYMTYPE, "libz.so.1"),
        special("bin/qq", tarfile.SYMTYPE, "../lib/./libz.so"),
        ("lib/libz.so.1", b"library"),
        special("lib/same", tarfile.LNKTYPE, "lib/libz.so.1"),
        special("dangling", tarfile.SYMTYPE, "lib/none"),
    )
    into = unpack(archive, "tar", tmp_path / "into")
    assert (into / "lib/libz.so").readlink() == Path("libz.so.1")
    assert (into / "bin/qq").read_bytes() == b"library"
    assert (into / "lib/same").samefile(into / "lib/libz.so.1")
    assert (into / "dangling").is_symlink()


def test_a_link_in_a_zip_is_created(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("current")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    into = unpack(zip_file(tmp_path / "a.zip", (link, b"v1"), ("v1/f", b"1")), "zip", tmp_path / "into")
    assert (into / "current/f").read_bytes() == b"1"


@pytest.mark.parametrize("kind", ["tar", "zip", "deb"])
def test_progress_rises_to_1(tmp_path: Path, kind: str) -> None:
    files = [(f"f{n}", os.urandom(2000)) for n in range(300)]
    archive = tmp_path / "a"
    if kind == "zip":
        zip_file(archive, *files)
    else:
        data = lzma.compress(tar_bytes(*files))
        archive.write_bytes(data if kind == "tar" else deb_bytes(data))
    seen: list[float] = []
    unpack(archive, kind, tmp_path / "into", on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert 3 <= len(seen) <= 101


# Names


BAD_NAMES = [
    ("../evil", ".."),
    ("a/../../evil", ".."),
    ("/etc/evil", "absolute"),
    ("C:evil", "absolute"),
    ("c:/evil", "absolute"),
    ("a\\..\\evil", "backslash"),
    ("new\nline", "control"),
    ("\x1b[2Jevil", "control"),
    ("x" * 256, "too long"),
    ("\u732b" * 86, "too long"),
    ("/".join(["d"] * 65), "too long"),
    ("/".join(["d" * 200] * 12), "too long"),
    ("./", "empty"),
]


@pytest.mark.parametrize("name, word", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_an_unsafe_name_in_a_tar_is_refused(tmp_path: Path, name: str, word: str) -> None:
    info = special(name, tarfile.REGTYPE)
    refused(tar_file(tmp_path, ("good", b"1"), info), "tar", tmp_path / "into", word)


@pytest.mark.parametrize("name, word", BAD_NAMES[:-1], ids=range(len(BAD_NAMES) - 1))
def test_an_unsafe_name_in_a_zip_is_refused(tmp_path: Path, name: str, word: str) -> None:
    archive = zip_file(tmp_path / "a.zip", ("good", b"1"), (name, b"2"))
    refused(archive, "zip", tmp_path / "into", word)


def test_a_nul_character_in_a_name_is_refused(tmp_path: Path) -> None:
    zip_file(tmp_path / "a.zip", ("safe.txt?/../../evil", b"2"))
    archive = tmp_path / "a.zip"
    archive.write_bytes(archive.read_bytes().replace(b"safe.txt?", b"safe.txt\0"))
    refused(archive, "zip", tmp_path / "into", "control")


def test_a_tar_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, ("good", b"1"), ("xxxx", b"2"))
    data = bytearray(archive.read_bytes())
    at = data.index(b"xxxx")
    data[at : at + 4] = "\u8868\u60c5".encode("gbk")
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    refused(written(archive, bytes(data)), "tar", tmp_path / "into", "UTF-8")


@given(name=st.text(min_size=1, max_size=40))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_creates_anything_outside(tmp_path_factory: Any, name: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 1
        try:
            tar.addfile(info, io.BytesIO(b"1"))
        except ValueError:
            return
    archive = written(folder / "a.tar", buffer.getvalue())
    try:
        unpack(archive, "tar", folder / "into")
    except LauncherError:
        assert list((folder / "into").iterdir()) == []
    else:
        assert [p.read_bytes() for p in (folder / "into").rglob("*") if p.is_file()] == [b"1"]
    assert sorted(p.name for p in folder.iterdir()) == ["a.tar", "into"]


# Links and things that are no files


OUTSIDE = [
    "/etc/passwd",
    "..",
    "../x",
    "a/../../x",
    "C:/x",
    "a\\b",
    "",
    "x" * 5000,
    "a/" * 1000,
]


@pytest.mark.parametrize("target", OUTSIDE, ids=range(len(OUTSIDE)))
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    archive = tar_file(tmp_path, ("good", b"1"), special("link", tarfile.SYMTYPE, target))
    refused(archive, "tar", tmp_path / "into", "leads out")


def test_a_link_that_leads_out_through_another_link_is_refused(tmp_path: Path) -> None:
    archive = tar_file(
        tmp_path,
        ("a/b/c/", None),
        special("a/b/c/top", tarfile.SYMTYPE, "../../.."),
        special("a/b/c/evil", tarfile.SYMTYPE, "top/../etc"),
    )
    refused(archive, "tar", tmp_path / "into", "leads out")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, special("a", tarfile.SYMTYPE, "b"), special("b", tarfile.SYMTYPE, "a"))
    refused(archive, "tar", tmp_path / "into", "leads back to itself")


def test_a_link_that_leads_out_after_strip_is_refused(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, ("v1/f", b"1"), special("v1/link", tarfile.SYMTYPE, "../v2"))
    refused(archive, "tar", tmp_path / "into", "leads out", strip=1)


@pytest.mark.parametrize("inside", ["link/f", "link/d/f", "link"])
def test_nothing_is_written_through_a_link(tmp_path: Path, inside: str) -> None:
    archive = tar_file(tmp_path, ("d/", None), special("link", tarfile.SYMTYPE, "d"), (inside, b"1"))
    refused(archive, "tar", tmp_path / "into", "link")


@pytest.mark.parametrize("target", ["/etc/passwd", "../a.tar", "none", "d", "link", "./self"])
def test_a_hard_link_to_anything_but_an_earlier_file_is_refused(tmp_path: Path, target: str) -> None:
    archive = tar_file(
        tmp_path,
        ("d/", None),
        special("link", tarfile.SYMTYPE, "d"),
        special("self", tarfile.LNKTYPE, target),
    )
    refused(archive, "tar", tmp_path / "into", "in the archive is refused")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_devices_and_pipes_are_refused_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    archive = tar_file(tmp_path, ("good", b"1"), special("odd", kind))
    refused(archive, "tar", tmp_path / "into", "not a regular file")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_devices_and_pipes_are_refused_in_a_zip(tmp_path: Path, kind: int) -> None:
    odd = zipfile.ZipInfo("odd")
    odd.create_system, odd.external_attr = 3, (kind | 0o644) << 16
    archive = zip_file(tmp_path / "a.zip", ("good", b"1"), (odd, b""))
    refused(archive, "zip", tmp_path / "into", "not a regular file")


@pytest.mark.parametrize("target", ["../x", "/etc/passwd", "x" * 5000])
def test_a_link_in_a_zip_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    archive = zip_file(tmp_path / "a.zip", ("good", b"1"), (link, target.encode()))
    refused(archive, "zip", tmp_path / "into", "link")


# The same name twice


@pytest.mark.parametrize(
    "entries",
    [
        (("a", b"1"), ("a", b"2")),
        (("a", b"1"), ("./a", b"2")),
        (("a", b"1"), ("a/b", b"2")),
        (("a", b"1"), ("a/", None)),
        (("a/b", b"1"), ("a", b"2")),
        (("a/", None), ("a", b"2")),
    ],
)
def test_an_entry_that_would_replace_another_is_refused(tmp_path: Path, entries: tuple[Entry, ...]) -> None:
    refused(tar_file(tmp_path, *entries), "tar", tmp_path / "into", "in the archive is refused")


def test_a_folder_may_occur_twice(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, ("a/", None), ("a/f", b"1"), ("a/", None))
    assert (unpack(archive, "tar", tmp_path / "into") / "a/f").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_duplicate_name_in_a_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "a.zip", ("a", b"1"), ("a", b"2"))
    refused(archive, "zip", tmp_path / "into", "duplicate name")


# Bombs


@pytest.mark.slow
@pytest.mark.parametrize("compress", EACH[1:], ids=["gzip", "bzip2", "xz"])
def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    archive = written(tmp_path / "a", compress(tar_bytes(("zeros", bytes(40 * MIB)))))
    refused(archive, "tar", tmp_path / "into", "bomb", limit_bytes=1 << 40)


def test_a_zip_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "a.zip", ("zeros", bytes(40 * MIB)))
    refused(archive, "zip", tmp_path / "into", "bomb", limit_bytes=1 << 40)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_more_bytes_than_allowed_are_refused(tmp_path: Path, kind: str) -> None:
    archive = tar_file(tmp_path, ("a", b"x" * 600), ("b", b"x" * 600))
    if kind == "zip":
        zip_file(archive, ("a", b"x" * 600), ("b", b"x" * 600))
    unpack(archive, kind, tmp_path / "fits", limit_bytes=1200)
    refused(archive, kind, tmp_path / "into", "1199 bytes", limit_bytes=1199)


def test_bytes_of_dropped_entries_count(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, ("dropped", b"x" * 600))
    refused(archive, "tar", tmp_path / "into", "500 bytes", limit_bytes=500, strip=1)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_more_entries_than_allowed_are_refused(tmp_path: Path, kind: str) -> None:
    names = [f"f{n}" for n in range(20)]
    archive = tar_file(tmp_path, *((name, b"") for name in names))
    if kind == "zip":
        zip_file(archive, *((name, b"") for name in names))
    unpack(archive, kind, tmp_path / "fits", limit_entries=21)
    refused(archive, kind, tmp_path / "into", "19 entries", limit_entries=19)


def test_implied_folders_count_as_entries(tmp_path: Path) -> None:
    archive = tar_file(tmp_path, ("/".join("abcdefghijkl"), b""))
    refused(archive, "tar", tmp_path / "into", "10 entries", limit_entries=10)


def test_a_huge_header_is_not_read_into_memory(tmp_path: Path) -> None:
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE):
        header = special("x", kind)
        header.size = 1 << 30
        archive = written(tmp_path / "a", gzip.compress(header.tobuf() + bytes(2 * MIB)))
        refused(archive, "tar", tmp_path / "into", "header is too large")
        (tmp_path / "into").rmdir()


def test_a_header_with_an_endless_number_is_refused_at_once(tmp_path: Path) -> None:
    header = special("x", tarfile.XHDTYPE)
    header.size = 60_000
    body = (b"1" * 60_000).ljust(60_416, b"\0")
    archive = written(tmp_path / "a", gzip.compress(header.tobuf() + body))
    refused(archive, "tar", tmp_path / "into", "endless number")


@pytest.mark.slow
def test_headers_are_not_kept_in_memory(tmp_path: Path) -> None:
    entries = []
    for number in range(400):
        entry = special(f"f{number}", tarfile.REGTYPE)
        entry.pax_headers = {"comment": "x" * 40_000}
        entries.append(entry)
    archive = written(tmp_path / "a", tar_bytes(*entries))
    del entries
    tracemalloc.start()
    try:
        unpack(archive, "tar", tmp_path / "into")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("compress", EACH[1:], ids=["gzip", "bzip2", "xz"])
def test_compressed_data_is_read_on_demand(compress: Callable[[bytes], bytes]) -> None:
    content = b"".join(os.urandom(500) * 2 + bytes(3000) for _ in range(2000))
    packed = compress(content)
    source = DecompressingReader(io.BytesIO(packed), len(packed))
    read = b"".join(source.read(4096) for _ in range(len(content) // 32768))
    assert content.startswith(read)
    # An eighth was read, and bzip2 works in large blocks.
    assert source.consumed < 0.7 * len(packed)


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    info = special("sparse", tarfile.REGTYPE)
    info.pax_headers = {"GNU.sparse.size": str(1 << 50), "GNU.sparse.numblocks": "0", "GNU.sparse.map": "0,0"}
    refused(tar_file(tmp_path, info), "tar", tmp_path / "into", "not a regular file")


def test_overlapping_entries_of_a_zip_are_refused(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "a.zip", ("a", b"x" * 600), ("b", b"x" * 600))
    data = bytearray(archive.read_bytes())
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    refused(written(archive, bytes(data)), "zip", tmp_path / "into", "overlaps")


def test_a_huge_list_of_entries_is_not_read_into_memory(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "a.zip", *((f"{n:0200}", b"") for n in range(5000)))
    refused(archive, "zip", tmp_path / "into", "more than 1000 entries")


# Lies and damage


def test_encrypted_entries_are_refused(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "a.zip", ("a", b"x"))
    data = bytearray(archive.read_bytes())
    for at in (6, data.index(b"PK\1\2") + 8):
        data[at] |= 1
    refused(written(archive, bytes(data)), "zip", tmp_path / "into", "encrypted")


def test_unbounded_compression_methods_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", bytes(10))
    refused(tmp_path / "a.zip", "zip", tmp_path / "into", "method")


@pytest.mark.parametrize("size", [1, 5, 100, 0xFFFFFFFE])
def test_a_zip_entry_with_a_wrong_size_is_refused(tmp_path: Path, size: int) -> None:
    archive = zip_file(tmp_path / "a.zip", ("good", b"1"), ("a", b"x" * 50))
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<I", size)
    refused(written(archive, bytes(data)), "zip", tmp_path / "into", "damaged")


def test_a_zip64_entry_with_a_wrong_size_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened, opened.open("a", "w", force_zip64=True) as entry:
        entry.write(b"x" * 50)
    data = bytearray(archive.read_bytes())
    central = data.index(b"PK\1\2")
    data[central + 24 : central + 28] = b"\xff" * 4
    extra = struct.pack("<HHQ", 1, 8, 1 << 62)
    data[central + 30 : central + 32] = struct.pack("<H", len(extra))
    data[central + 47 : central + 47] = extra
    end = data.index(b"PK\5\6")
    data[end + 12 : end + 16] = struct.pack("<I", end - central)
    refused(written(archive, bytes(data)), "zip", tmp_path / "into", "damaged")


def test_a_name_that_differs_between_the_lists_of_a_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "a.zip", ("aaaa", b"x"))
    archive.write_bytes(archive.read_bytes().replace(b"aaaa", b"bbbb", 1))
    refused(archive, "zip", tmp_path / "into", "damaged")


@pytest.mark.parametrize("kind", ["tar", "zip", "deb"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"<!doctype html><title>404</title>", b"PK\5\6" + b"\xff" * 18, b"!<arch>\n", b"x" * 5000],
)
def test_a_file_that_is_not_an_archive_is_refused(tmp_path: Path, kind: str, content: bytes) -> None:
    refused(written(tmp_path / "a", content), kind, tmp_path / "into", "damaged")


@pytest.mark.parametrize("compress", EACH, ids=["plain", "gzip", "bzip2", "xz"])
def test_a_truncated_tar_is_refused(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    whole = compress(tar_bytes(("a", os.urandom(700)), ("b", os.urandom(700)))[:3584])
    archive = tmp_path / "a"
    archive.write_bytes(whole)
    unpack(archive, "tar", tmp_path / "whole")
    for length in range(1, len(whole) - (512 if compress is bytes else 0), 61):
        refused(written(archive, whole[:length]), "tar", tmp_path / "into", "damaged")


def test_a_tar_truncated_before_compression_is_refused(tmp_path: Path) -> None:
    plain = tar_bytes(("a", b"x" * 600), ("b", b"x" * 600))
    for length in (1536, 2048, 2900, 3000):
        archive = written(tmp_path / "a", gzip.compress(plain[:length]))
        refused(archive, "tar", tmp_path / "into", "damaged")


def test_a_broken_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = bytearray(tar_bytes(("a", b"x"), ("b", b"y")))
    data[1024 + 3] ^= 1
    refused(written(tmp_path / "a", bytes(data)), "tar", tmp_path / "into", "damaged")


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(tar_bytes(("a", b"x"))))
    packed[-8] ^= 1
    refused(written(tmp_path / "a", bytes(packed)), "tar", tmp_path / "into", "damaged")


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_is_extracted_completely_or_not_at_all(
    tmp_path_factory: Any, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    kind = data.draw(st.sampled_from(["zip", "tar", "tar.gz", "tar.xz", "deb"]))
    archive = folder / "a"
    if kind == "zip":
        zip_file(archive, ("d/a", b"x" * 60), ("b", b"y"))
    else:
        plain = tar_bytes(("d/a", b"x" * 60), special("l", tarfile.SYMTYPE, "b"), ("b", b"y"))
        packs: dict[str, Callable[[bytes], bytes]]
        packs = {"tar": bytes, "tar.gz": gzip.compress, "tar.xz": lzma.compress}
        pack = packs.get(kind)
        archive.write_bytes(pack(plain) if pack else deb_bytes(lzma.compress(plain)))
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(content)
    try:
        unpack(archive, kind.partition(".")[0], folder / "into")
    except LauncherError:
        assert list((folder / "into").iterdir()) == []
    assert sorted(p.name for p in folder.iterdir()) == ["a", "into"]


# Where it goes


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into/mine").write_text("mine")
    with pytest.raises(DeploymentFailed):
        unpack(tar_file(tmp_path, ("a", b"1")), "tar", tmp_path / "into")
    assert [p.name for p in (tmp_path / "into").iterdir()] == ["mine"]


def test_a_missing_archive_is_an_error_with_its_reason(tmp_path: Path) -> None:
    refused(tmp_path / "none", "zip", tmp_path / "into", "No such file")


def test_an_interrupted_extraction_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(tar_file(tmp_path, ("d/a", b"1")), "tar", tmp_path / "into", on_progress=interrupt)
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_full_disk_is_reported_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    content = os.urandom(300_000)
    archive = tar_file(tmp_path, ("d/a", b"1"), ("d/b", content))
    if kind == "zip":
        zip_file(archive, ("d/a", b"1"), ("d/b", content))
    with small_disk(128) as disk:
        with pytest.raises(InsufficientSpace) as caught:
            unpack(archive, kind, disk / "into")
        assert "space" in caught.value.text.en
        assert list((disk / "into").iterdir()) == []
