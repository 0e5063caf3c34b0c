"""The JavaScript modules of the page, in one script that needs no server."""

from __future__ import annotations

import re
from importlib import resources

ENGINE = ("elementary", "functions", "network", "run", "mistakes")
"""Modules that compute, each after those it imports."""
PAGE = (
    "data",
    "state",
    "code",
    "drawing",
    "plots",
    "equations",
    "checking",
    "controls",
    "app",
    "pictures",
    "show",
    "main",
)
"""Modules that show."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


def read(name: str) -> str:
    """A file of this folder."""
    return resources.files("fastbp.teach.playground").joinpath(name).read_text(encoding="utf-8")


def join(modules: tuple[str, ...] = ENGINE + PAGE) -> str:
    """One script: the modules without ``import`` and ``export``; each must stand after what it imports."""
    parts: list[str] = []
    for i, name in enumerate(modules):
        text = read(f"{name}.js")
        missing = set(_IMPORT.findall(text)) - set(modules[:i])
        if missing:
            raise ValueError(
                f"{name}.js imports {', '.join(sorted(missing))}, which stands after it. Change the order."
            )
        text = re.sub(r"^export (?=const|function|class|let)", "", _IMPORT.sub("", text), flags=re.MULTILINE)
        if re.search(r"^(import|export)\b", text, re.MULTILINE):
            raise ValueError(f"{name}.js has an import or export that joining does not know. Write it on one line.")
        parts.append(text)
    return "\n".join(parts).replace("</script", "<\\/script").replace("<!--", "<\\!--")
