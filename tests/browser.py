"""A page opened in headless Chromium, with its requests, its console and a screenshot."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ITSELF = "not an origin"
"""The initiator of the browser's own requests, which come from no page."""
_DEADLINE_S = 120


class Seen(NamedTuple):
    """The URLs that the page requested, without its own; the lines of its console; and the screenshot."""

    asked: list[str]
    console: list[str]
    picture: Path


def chromium() -> str:
    """The path of the browser. Without a browser the test is skipped, and in CI it fails."""
    found = next((path for name in _NAMES if (path := shutil.which(name)) is not None), None)
    if found is None:
        assert "CI" not in os.environ, ".ci/run installs Chromium"
        pytest.skip("there is no Chromium here; on Debian: apt-get install chromium")
    return found


def opened(page: Path, folder: Path, *, dark: bool = False, width: int = 1100, height: int = 1400) -> Seen:
    """Open the page and record the result. No request leaves the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    log, picture = folder / "net.json", folder / f"{page.stem}-{'dark' if dark else 'light'}.png"
    command = [
        chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--log-net-log={log}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--window-size={width},{height}",
        f"--screenshot={picture}", page.as_uri(),
    ]  # fmt: skip
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=True, encoding="utf-8", timeout=_DEADLINE_S
    )
    console = [line.partition("CONSOLE")[2] for line in ended.stderr.splitlines() if "CONSOLE" in line]
    return Seen(_asked(json.loads(log.read_text(encoding="utf-8"))), console, picture)


def _asked(log: dict[str, Any]) -> list[str]:
    kind = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    given = [event.get("params", {}) for event in log["events"] if event["type"] == kind]
    return [one["url"] for one in given if "url" in one and one.get("initiator") != _ITSELF]
