"""Where libraries are looked for, and what is said of places that have none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastbp.jit import cache, library
from fastbp.native import levels, link

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(
        not any(map(link.commands, levels.of_this_machine())),
        reason="NO MACHINE CODE IS TRIED: there is no level for this machine, or neither cc nor zig",
    ),
]


def test_words_for_yes_are_those_of_the_package(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "FOLDER", libraries)
    for word in ("", "1", "true", "Yes", "ON"):
        monkeypatch.setenv("FASTBP_MACHINE_CODE", word)
        found, why = library.find()
        assert found is not None, why
        assert found.path.parent == libraries


def test_what_cannot_be_looked_at_is_not_called_missing(
    libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that this user may not read; sources of which only compiled files are installed."""

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(library, "PACKAGE", tmp_path)
        patched.setattr(cache, "PACKAGE", tmp_path)
        with pytest.raises(library.Unusable, match="the sources, to compare it with, are missing"):
            library.Library(next(libraries.glob(f"fastbp-*{library.SUFFIX}")))
    monkeypatch.setenv("FASTBP_MACHINE_CODE", str(libraries))
    assert library.find()[0] is not None
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert library.find() == (None, f"{libraries.resolve()} cannot be read: Permission denied")


def test_a_clone_is_called_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python that is started in a clone imports it, and not what pip installed from it."""
    monkeypatch.delenv("FASTBP_MACHINE_CODE", raising=False)
    monkeypatch.setattr(library, "PACKAGE", tmp_path / "fastbp")
    monkeypatch.setattr(library, "FOLDER", tmp_path / "fastbp" / "native" / "libraries")
    assert library.find() == (None, f"there is no library in {library.FOLDER}")
    (tmp_path / "hatch_build.py").touch()
    assert "is that of a clone, which has no library; where pip installed one, start Python" in library.find()[1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such queues")
def test_a_queue_for_a_checksum_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"fastbp-any{library.SUFFIX}").touch()
    os.mkfifo(tmp_path / f"fastbp-any{library.SUFFIX}.sha256")
    monkeypatch.setenv("FASTBP_MACHINE_CODE", str(tmp_path))
    found, why = library.find()
    assert found is None
    assert why.endswith(f"fastbp-any{library.SUFFIX}.sha256 beside it")
