"""A browser that opens a page, filters it, and tells of its long tasks.

python -m tests.benchmarks.browsing CHROMIUM ADDRESS WORD
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

from playwright.sync_api import Page, sync_playwright

from tests.render.browsing import ARGUMENTS

# The browser calls a task long from 50 ms.
_OBSERVE = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
}).observe({type: "longtask", buffered: true});
"""
_QUIET = "() => new Promise((done) => requestIdleCallback(() => setTimeout(done, 200)))"
_PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def told(page: Page, address: str, word: str) -> Mapping[str, Mapping[str, float]]:
    """Open and filter; return the seconds of each until it was painted, and of the longest task meanwhile."""
    page.add_init_script(_OBSERVE)
    begun = time.perf_counter()
    page.goto(address)
    page.evaluate(_PAINTED)
    opened = time.perf_counter() - begun
    open_tasks = _tasks(page)
    begun = time.perf_counter()
    page.fill("#by-text", word)
    page.evaluate(_PAINTED)
    filtered = time.perf_counter() - begun
    assert page.locator(".card:visible").count() == 1
    page.fill("#by-text", "")
    return {
        "opened": {"took": opened, "longest": open_tasks},
        "filtered": {"took": filtered, "longest": _tasks(page)},
    }


def _tasks(page: Page) -> float:
    """Return the longest task since it was last asked, in seconds; 0 where none was long."""
    page.evaluate(_QUIET)
    longest: float = page.evaluate("() => Math.max(0, ...window.longTasks.splice(0))")
    return longest / 1000


def main(chromium: str, address: str, word: str) -> None:
    """Print what the browser tells, as JSON."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        print(json.dumps(told(browser.new_page(), address, word)))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
