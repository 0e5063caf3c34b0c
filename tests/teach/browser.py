"""A headless Chromium driven over WebDriver's own HTTP, with the standard library alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from types import TracebackType
from typing import Any

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
KEYS = {"ArrowRight": "\ue014", "ArrowLeft": "\ue012", "ArrowDown": "\ue015", "ArrowUp": "\ue013", "Home": "\ue011",
        "End": "\ue010", "d": "d", "Tab": "\ue004", "Enter": "\ue007"}  # fmt: skip
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def require() -> tuple[str, str]:
    """Paths of Chromium and of its driver; without them the test says that nothing was tested."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium and driver:
        return chromium, driver
    message = "chromium and chromedriver are not installed: the page was NOT tested in a browser"
    if os.environ.get("FASTBP_REQUIRE_BROWSER"):
        pytest.fail(message)
    pytest.skip(message)


class Browser:
    """One window."""

    def __init__(self, width: int = 1200, height: int = 900) -> None:
        chromium, driver = require()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}/session"
        options = {
            "binary": chromium,
            "args": [*FLAGS, f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}"],
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._id = ""
        for _ in range(600):
            try:
                answer = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
                break
            except ConnectionError:
                time.sleep(0.1)
        else:
            raise RuntimeError("chromedriver did not start")
        self._id = "/" + answer["sessionId"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + self._id + path, data, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None
        except urllib.error.URLError as error:
            raise ConnectionError(str(error)) from None

    def open(self, address: str) -> None:
        self._ask("POST", "/url", {"url": address})
        # Chromium drops keys that are pressed before it has painted: late on a busy machine, an empty page never.
        end = time.monotonic() + (0 if address == "about:blank" else 10)
        while not self.run("return performance.getEntriesByType('paint').length") and time.monotonic() < end:
            time.sleep(0.02)

    def run(self, script: str, *arguments: Any) -> Any:
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *names: str) -> None:
        actions = [{"type": kind, "value": KEYS[name]} for name in names for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def click(self, selector: str) -> None:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{found[ELEMENT]}/click", {})

    def resize(self, width: int, height: int) -> None:
        """The page's own width, which may be narrower than a window can be."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})

    def complaints(self) -> list[str]:
        """What the page wrote to its console as a warning or an error."""
        entries = self._ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self._ask("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait()
            self._profile.cleanup()
