"""Files and folders of compiled code: damaged ones, old ones, and what several processes do to them at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastbp.jit import cache

FLIPS = Path(__file__).with_name("flips.py")


def aged(folder: Path, days: float) -> None:
    """Make a folder and its mark this old."""
    then = time.time() - days * cache.DAY
    for path in (folder / "used", folder):
        if path.exists():
            os.utime(path, (then, then))


def made(base: Path, name: str, days: float, *, marked: bool = True) -> Path:
    """A folder of compiled code that was last used so many days ago."""
    folder = base / name
    folder.mkdir(parents=True)
    (folder / "work.0123456789abcdef.nbc").write_bytes(b"code")
    if marked:
        (folder / "used").touch()
    aged(folder, days)
    return folder


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of folders that the environment names."""
    monkeypatch.setenv("FASTBP_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("FASTBP_NO_CACHE", raising=False)
    return tmp_path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "work.nbc"
    cache.write(path, b"machine code")
    assert cache.read(path) == b"machine code"
    assert [found.name for found in path.parent.iterdir()] == ["work.nbc"]
    if os.name == "posix":
        assert path.parent.stat().st_mode & 0o077 == 0


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "work.nbc"
    cache.write(path, b"machine code")
    whole = path.read_bytes()
    for at in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        assert cache.read(path) is None
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert cache.read(path) is None
    path.write_bytes(whole)
    other = path.rename(tmp_path / "outputs.nbc")
    assert cache.read(other) is None  # the code of another function
    assert cache.read(path) is None  # and a file that is gone


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    cache.write(tmp_path / "work.nbc", b"before")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        cache.write(tmp_path / "work.nbc", b"after")
    assert cache.read(tmp_path / "work.nbc") == b"before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are those of POSIX")
def test_a_folder_within_one_that_others_may_change_is_no_cache(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others could put a folder of theirs in its place after it was looked at; where files are each one's own, not."""
    for mode, works in ((0o777, False), (0o1777, True), (0o755, True)):
        base.chmod(mode)
        assert (cache.find("00000000000000ff") is not None) == works, oct(mode)
    known = Path.stat

    def of_another(path: Path, **options: bool) -> os.stat_result:
        status = list(known(path, **options))
        status[4] += 7 * (path == base)  # st_uid
        return os.stat_result(status)

    monkeypatch.setattr(Path, "stat", of_another)
    assert cache.find("00000000000000ff") is None


def test_words_for_no_and_names_of_blanks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for word in ("0", "no", "Off", "FALSE", " "):
        monkeypatch.setenv("FASTBP_NO_CACHE", word)
        assert not cache.flag("FASTBP_NO_CACHE"), word
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTBP_CACHE_DIR", " ")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    assert cache.find("00000000000000ff") == tmp_path / "named" / "fastbp-00000000000000ff"
    assert [path.name for path in tmp_path.iterdir()] == ["named"]


def test_folders_that_nobody_has_used_for_long_are_removed(base: Path) -> None:
    unused = made(base, "fastbp-00000000000000aa", 40)
    unmarked = made(base, "fastbp-00000000000000ab", 40, marked=False)
    recent = made(base, "fastbp-00000000000000ac", 20)
    foreign = [made(base, name, 400) for name in ("fastbp-1.0", "numba", "fastbp-00000000000000ad.old")]
    ours = cache.find("00000000000000ff")
    assert ours == base / "fastbp-00000000000000ff"
    assert not unused.exists()
    assert not unmarked.exists()
    assert recent.exists()
    assert all(folder.exists() for folder in foreign)


def test_a_folder_in_use_says_so_once_a_day_and_stays(base: Path) -> None:
    """Of two versions in use side by side, neither removes the other's, however long ago it was compiled."""
    versions = ("00000000000000aa", "00000000000000bb")
    for name in versions:
        made(base, f"fastbp-{name}", 400)
        aged(base / f"fastbp-{name}", 29)
    for _ in range(3):
        for name in versions:
            folder = cache.find(name)
            assert folder is not None
            assert time.time() - (folder / "used").stat().st_mtime < cache.DAY
            assert (folder / "work.0123456789abcdef.nbc").exists()
            before = (folder / "used").stat().st_mtime_ns
            cache.find(name)
            assert (folder / "used").stat().st_mtime_ns == before
            aged(folder, 29)


def test_what_cannot_be_removed_is_no_error(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(base, "fastbp-00000000000000aa", 40)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "it belongs to another")

    for name in ("rmdir", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert cache.find("00000000000000ff") is not None


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="links are those of POSIX")
def test_what_a_link_points_at_is_not_removed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = made(tmp_path_factory.mktemp("elsewhere"), "models", 400)
    (base / "fastbp-00000000000000aa").symlink_to(elsewhere)
    cache.find("00000000000000ff")
    assert (elsewhere / "work.0123456789abcdef.nbc").exists()


def test_processes_that_remove_and_write_at_once_meet_no_error(base: Path) -> None:
    """One removes a folder again and again; others write into it and read what they wrote, or find nothing."""
    writer = """
import sys, pathlib
from fastbp.jit import cache
path = pathlib.Path(sys.argv[1]) / "fastbp-00000000000000aa" / f"{sys.argv[2]}.nbc"
kept = 0
for i in range(300):
    try:
        cache.write(path, b"code" * i)
    except OSError:  # removed between two steps: the code is not kept
        continue
    found = cache.read(path)
    assert found in (None, b"code" * i), (i, len(found))
    kept += found is not None
print(kept)
"""
    remover = """
import shutil, sys
for _ in range(600):
    shutil.rmtree(sys.argv[1] + "/fastbp-00000000000000aa", ignore_errors=True)
"""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([sys.executable, "-c", writer, str(base), str(i)], **options) for i in range(2)]  # type: ignore[call-overload]
    removing = subprocess.Popen([sys.executable, "-c", remover, str(base)])
    for process in writers:
        printed, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        assert int(printed) > 0
    assert removing.wait() == 0


def flips(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program that flips bits of machine code."""
    environment = os.environ | {"PYTHONPATH": str(FLIPS.parents[2])}
    return subprocess.run(
        [sys.executable, str(FLIPS), *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.compiled
def test_a_flipped_bit_of_machine_code_costs_a_compilation() -> None:
    """Thirty here, two thousand in ``.ci/long``."""
    done = flips("30")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("30 bits flipped")


@pytest.mark.compiled
def test_without_checksums_flipped_bits_are_not_noticed() -> None:
    assert flips("30", "--unchecked").returncode != 0
