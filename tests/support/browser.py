"""A page in a real headless Chromium, spoken to through its DevTools pipe: no other package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
_READ, _WRITE = 3, 4


class Browser:
    """One page; `call` is a command of the DevTools protocol."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, of: int) -> None:
        self._process = process
        self._to = to
        self._of = of
        self._pending = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found = answer["result"]
                assert isinstance(found, dict)
                return found
            self.events.append(answer)

    def open(self, page: Path) -> None:
        """Open a file, wait until it is shown, and note everything that it asks for."""
        if self._session is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def look(self, width: int, height: int, scheme: str) -> None:
        """Show the page on such a screen, in a light or dark scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def evaluate(self, expression: str) -> Any:
        """Give the value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        """Press a key: its name (Tab, Enter), or a letter with its text."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        code = codes.get(key, ord(key[0].upper()))
        typed = {"Enter": "\r"}.get(key, text)
        more: dict[str, Any] = {"text": typed} if typed else {}
        down = {"type": "keyDown", "key": key, "windowsVirtualKeyCode": code, **more}
        self.call("Input.dispatchKeyEvent", **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self) -> bytes:
        """Give what is on the screen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            data = os.read(self._of, 1 << 16)
            assert data, f"chromium ended with {self._process.wait()}"
            self._pending += data
        message, _, self._pending = self._pending.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        return found


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium with a profile of its own; it is ended at the end of the block."""
    assert CHROMIUM
    to_read, to = os.pipe()
    of, of_write = os.pipe()

    def pipes() -> None:
        os.dup2(to_read, _READ)
        os.dup2(of_write, _WRITE)

    with tempfile.TemporaryDirectory(prefix="samebit-browser-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [
                *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--remote-debugging-pipe", f"--user-data-dir={home}", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--mute-audio"),
                *("--disable-dev-shm-usage", "--disable-sync", "--hide-scrollbars"),
            ],
            preexec_fn=pipes,  # noqa: PLW1509 - Chromium wants these very numbers
            pass_fds=(_READ, _WRITE),
            env={**os.environ, "HOME": home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(of_write)
        found = Browser(process, to, of)
        try:
            yield found
        finally:
            with suppress(OSError, AssertionError):
                found._session = None
                found.call("Browser.close")
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()
            os.close(to)
            os.close(of)
