"""How long hypothesis looks: a minute by default, the same minute each time in CI, long where it is told to.

`HYPOTHESIS_PROFILE=thorough pytest tests/properties` is for changes of the engine.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# A run of a whole sandbox is slow beside what hypothesis is used to; that is no sign of a bad strategy.
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

settings.register_profile("default", deadline=None, max_examples=20, suppress_health_check=_SLOW)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=300)
# For the mutants, which only ask whether a test fails at all.
settings.register_profile("verdict", settings.get_profile("ci"), phases=[Phase.generate], database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
