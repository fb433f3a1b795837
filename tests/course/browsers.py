"""A real browser without a window, whichever of Chrome, Chromium and Edge is installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from selenium import webdriver

CHROME = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
EDGE = ("microsoft-edge", "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge")
ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --window-size=1200,900"
).split()
MISSING = (
    "no Chrome, Chromium or Edge is installed, so the comparison page is not tested in a browser; "
    "on Debian: apt install chromium chromium-driver"
)


def start(profile: Path) -> webdriver.Chrome | webdriver.Edge:
    """A browser that keeps its things in ``profile``; the test is skipped where there is none.

    ``TINYMLX_REQUIRE_BROWSER`` forbids the skip: continuous integration sets it.
    """
    chrome, edge = _first(CHROME), _first(EDGE)
    if not chrome and not edge:
        if os.environ.get("TINYMLX_REQUIRE_BROWSER"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    options = webdriver.ChromeOptions() if chrome else webdriver.EdgeOptions()
    options.binary_location = chrome or edge
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    if chrome:
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # Without a driver beside the browser, Selenium fetches one that fits.
        driver = shutil.which("chromedriver")
        return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    options.set_capability("ms:loggingPrefs", {"browser": "ALL"})
    driver = shutil.which("msedgedriver")
    return webdriver.Edge(options=options, service=webdriver.EdgeService(driver))


WIDTHS = {"wide": (1280, 900), "phone": (390, 844)}
# Elements that stick out of the window, but for what a box of its own cuts or scrolls.
OVERFLOWING = """
const width = document.documentElement.clientWidth, found = [];
for (const node of document.body.querySelectorAll("*")) {
  let { left, right } = node.getBoundingClientRect();
  for (let outer = node.parentElement; outer !== document.body; outer = outer.parentElement)
    if (getComputedStyle(outer).overflowX !== "visible")  // it cuts or scrolls what is inside
      right = Math.min(right, outer.getBoundingClientRect().right);
  if (right > width + 1 || left < -1) found.push(`${node.tagName} ${node.className}`);
}
return found;
"""


def resize(driver: webdriver.Chrome | webdriver.Edge, width: int, height: int) -> None:
    """The size of the window inside, which no browser's window may have on a desktop."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def overflowing(driver: webdriver.Chrome | webdriver.Edge) -> list[str]:
    """What sticks out of the window, and whether the page scrolls sideways."""
    found = list(driver.execute_script(OVERFLOWING))
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return [*found, "the page"] if driver.execute_script(wide) > 0 else found


def heights(driver: webdriver.Chrome | webdriver.Edge, selector: str) -> list[float]:
    """The heights of the elements that a selector names."""
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.offsetHeight)"
    return list(driver.execute_script(script, selector))


def _first(names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := shutil.which(name))), "")
