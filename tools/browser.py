"""Find a Chromium on this machine and say how to start it so that it asks nobody anything."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
MISSING = (
    "no Chromium was found: install one (Debian and Ubuntu: sudo apt install chromium) "
    "or name one in the variable CHROMIUM"
)


def find_chromium(env: Mapping[str, str]) -> str | None:
    """Return the path of a browser; ``CHROMIUM``, if set, must be one."""
    named = env.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise FileNotFoundError(f"CHROMIUM: expected the path of a browser, got {named!r}")
        return found
    return next(filter(None, map(shutil.which, NAMES)), None) or next(
        (place for place in PLACES if Path(place).is_file()), None
    )


def arguments() -> list[str]:
    """Return the switches that keep the browser quiet; root may only run it without its sandbox."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
        *(["--no-sandbox"] if root else []),
    ]
