"""The README says what is so, and so do the other pages and the metadata."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from test_golden import has_fma

import fastbp

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(marker: str, language: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```{language}\n(.*?)```", README, re.DOTALL)
    assert found, marker
    return found.group(1)


@pytest.mark.compiled
@pytest.mark.skipif(not has_fma(), reason="THE README'S EXAMPLE IS NOT COMPARED: this CPU has no FMA")
def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """To the last digit: the bits depend on no CPU that multiplies and adds in one rounding."""
    exec(compile(block("example", "python"), "README", "exec"), {})
    assert capsys.readouterr().out == block("output", "text")


def test_the_triptych_shows_lines_of_the_code() -> None:
    package = Path(fastbp.__file__).parent
    for name, line in re.findall(r"\(`fastbp/([\w/.]+)`\) \| `(.+?)` \|", README):
        assert line in (package / name).read_text(), line
    assert fastbp.equations.EQUATIONS["BP2"].ascii in README


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 5
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_extra_is_of_use() -> None:
    """Each of its distributions is imported somewhere, or is a tool that a script or a setting names."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    modules = {"scikit-learn": "sklearn", "myst-nb": "myst_nb", "pytest-cov": "--cov", "pytest-xdist": "-n 2"}
    modules |= {"pytest-benchmark": "--benchmark-autosave", "import-linter": "lint-imports"}
    sources = [
        *ROOT.glob("fastbp/**/*.py"),
        *ROOT.glob("tests/**/*.py"),
        *ROOT.glob("bench/*.py"),
        ROOT / "docs/conf.py",
    ]
    text = "\n".join(path.read_text() for path in sources if path.name != Path(__file__).name)
    text += (ROOT / ".ci" / "run").read_text()
    for extra, needed in extras.items():
        for requirement in needed:
            name = re.split(r"[\[<>=]", requirement)[0]
            if name != "fastbp":
                word = modules.get(name, name)
                assert re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text), f"{extra}: {name}"
    assert not {"io", "mpi"} & set(extras)


def test_no_address_is_invented() -> None:
    """The project has no home page and no post box: pages and metadata lead to other people's pages only."""
    theirs = {
        "github.com/scikit-learn", "github.com/sdpython", "neuralnetworksanddeeplearning.com", "rich.readthedocs.io",
        "download.pytorch.org", "keepachangelog.com", "playground.tensorflow.org", "pyodide.org",
    }  # fmt: skip
    pages = ["README.md", "SECURITY.md", "CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml"]
    for path in [ROOT / name for name in pages] + sorted(ROOT.glob("docs/*.md")):
        text = path.read_text(encoding="utf-8")
        for address in re.findall(r"https?://([^\s)\"'>`]+)", text):
            assert address.removeprefix("www.").startswith(tuple(theirs)), f"{path.name}: {address}"
        assert not re.search(r"[\w.]+@[\w-]+\.[a-z]{2,}", text), path.name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "urls" not in project
    assert all("email" not in author for author in project["authors"])


def test_the_changelog_has_this_version() -> None:
    assert re.search(
        rf"^## {re.escape(fastbp.__version__)} - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )


# The commands of the pages


@pytest.fixture(scope="module")
def commands() -> Any:
    loader = SourceFileLoader("commands", str(ROOT / ".ci" / "commands"))
    module = module_from_spec(spec_from_loader("commands", loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def test_commands_are_found_in_blocks_and_between_backquotes(commands: Any) -> None:
    for page in commands.PAGES:
        assert all("#" not in command and command == command.strip() for command in commands.shown(page))
    readme = list(commands.shown("README.md"))
    assert 'python -m pytest bench/ -k "784-30-10 and (fastbp or JAX)"' in readme
    assert "fastbp predict model.fastbp new.csv" in readme
    assert "python -m bench.report --check" in list(commands.shown("docs/benchmarks.md"))
    assert "FASTBP_DISABLE_JIT=1 python -m pytest -n 2 --cov" in list(commands.shown("CONTRIBUTING.md"))


def test_a_command_is_run_as_it_stands_shortened_or_by_ci_run(commands: Any) -> None:
    assert commands.runnable("fastbp info model.fastbp") == "fastbp info model.fastbp"
    assert commands.runnable("fastbp bench") == "fastbp bench --peers NumPy --seconds 0"
    assert commands.runnable("NUMBA_NUM_THREADS=2 python -m pytest -n 2") == ""
    for page in commands.PAGES:
        for command in commands.shown(page):
            runs = commands.runnable(command)
            assert (
                runs or any(re.search(pattern, command) for pattern in commands.IN_CI_RUN) or "bench/test_" in command
            )
            # What stays of a shortened command is the command.
            assert not runs or runs.split()[0] in command, (command, runs)
    run = (ROOT / ".ci" / "run").read_text()
    for words in (
        "mypy",
        "sphinx-build",
        "FASTBP_DISABLE_JIT=1",
        "NUMBA_NUM_THREADS=1",
        "NUMBA_NUM_THREADS=2",
        "train",
    ):
        assert words in run


def test_a_failing_command_is_told(commands: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(f"{shlex.quote(sys.executable)} -c 'print(1)'", tmp_path)
    assert not commands.run("echo why; false | true; exit 3", tmp_path)
    assert "exit status 1" in capsys.readouterr().out
    assert not commands.run("echo why; exit 3", tmp_path)
    printed = capsys.readouterr().out
    assert "exit status 3" in printed
    assert "why" in printed
    listed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "commands", "--list", "README.md"], capture_output=True, text=True, check=True
    )
    assert "fastbp doctor" in listed.stdout
