"""Chromium for the tests of the page: found, started, and its absence told of."""

import importlib.util
import os
import shutil
from contextlib import contextmanager

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A camera that shows a moving picture, and is allowed without asking.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def find_chromium():
    """Path of the browser; without one skips, or fails with MOTIONLENS_REQUIRE_BROWSER=1."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    lacks = []
    if importlib.util.find_spec("playwright") is None:
        lacks.append("playwright: pip install '.[dev]'")
    if program is None:
        lacks.append("chromium: apt-get install chromium")
    if lacks:
        if os.environ.get("MOTIONLENS_REQUIRE_BROWSER") == "1":
            pytest.fail(f"MOTIONLENS_REQUIRE_BROWSER=1, but there is no {' and no '.join(lacks)}")
        pytest.skip(f"needs {' and '.join(lacks)}")
    return program


@contextmanager
def chromium():
    """The running browser."""
    program = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()
