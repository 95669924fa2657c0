"""A browser for the tests of pages."""

from __future__ import annotations

from tests.render.browsing import browser as browser
