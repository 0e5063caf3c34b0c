"""Shared by the tests of the playground: a browser, and the page as a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Browser

from fastbp.teach.playground import playground


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with Browser(1280, 900) as window:
        yield window


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("playground") / "play.html"
    path.write_text(playground(), encoding="utf-8")
    return path.as_uri()
