"""Metrics as the parsers of Prometheus' own client library read them, which know nothing of this tool."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families


def openmetrics_families(text: str) -> Sequence[Metric]:
    """Return what stands in OpenMetrics 1.0. Raises `ValueError` for what is none."""
    return [*openmetrics.text_string_to_metric_families(text)]  # type: ignore[no-untyped-call]


def prometheus_families(text: str) -> Sequence[Metric]:
    """Return what stands in the older text format."""
    return [*text_string_to_metric_families(text)]
