"""The playground's page in a browser: how tests open it and ask it."""

from __future__ import annotations

import time

from browser import Browser


def emulate(window: Browser, scheme: str = "light", motion: str = "no-preference") -> None:
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": motion},
    ]
    window._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})


def opened(window: Browser, address: str, where: str = "") -> Browser:
    """The page anew, at the step that an address names."""
    window.open("about:blank")
    window.open(address + where)
    wait(window, "globalThis.playground && document.body.dataset.t !== undefined")
    return window


def wait(window: Browser, condition: str) -> None:
    end = time.monotonic() + 20
    while not window.run(f"return Boolean({condition})"):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def label(window: Browser) -> str:
    return str(window.run("return document.querySelector('#status .label').textContent"))


def where(window: Browser) -> list[int]:
    found: list[int] = window.run("return [playground.app.run.t, playground.app.run.at]")
    return found


NUMBERS = (
    "playground.app.run.net.w.slice(1).flatMap((w, i) => "
    "[...w.flatMap(r => [...r]), ...playground.app.run.net.b[i + 1]])"
)


def copied(window: Browser, kind: str) -> str:
    window.run(f"document.getElementById('copy-{kind}').click()")
    text = str(window.run("return document.getElementById('dialog-text').value"))
    window.run("document.getElementById('dialog').close()")
    return text
