"""What every JSON document of this tool is. `FORMAT_VERSION` grows when a member changes its meaning."""

from __future__ import annotations

from typing import Any

FORMAT_VERSION = 1

Document = dict[str, Any]
