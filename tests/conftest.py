"""What all tests share: property tests that a busy machine does not fail."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# How fast examples are made and run says something about the machine only. In continuous
# integration the examples are the same in every run; elsewhere they go on searching.
settings.register_profile(
    "samebit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("samebit")
