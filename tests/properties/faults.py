"""Strategies: what goes wrong between the client and the server while changes are carried out."""

from __future__ import annotations

from hypothesis import strategies as st

from reconciler.sandbox import Fault

_NOT_DONE = (
    "status=500",
    "status=503",
    "status=429",
    "status=429,retry-after=2",
    "drop",
    "html",
    "status=401",
)
# A server that says 429 or 401 has not done what it was asked; one that falls over afterwards may have.
_DONE = ("status=500", "status=503,html", "drop", "html", "cut")


def fault_lists() -> st.SearchStrategy[list[Fault]]:
    """Return one to three faults, at single requests or from one on."""
    effects = [f"before:{effect}" for effect in _NOT_DONE] + [f"after:{effect}" for effect in _DONE]
    fault = st.builds(
        lambda method, nth, onwards, effect: Fault.parse(f"{method}:{nth}{onwards}:{effect}"),
        st.sampled_from(["PUT", "POST", "DELETE", "GET", "*"]),
        st.integers(1, 6),
        st.sampled_from(["", "+"]),
        st.sampled_from(effects),
    )
    return st.lists(fault, min_size=1, max_size=3)
