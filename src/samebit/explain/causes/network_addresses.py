"""Addresses that the machine or its container had."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/network",
    confidence=Confidence.LIKELY,
    what="a network address or interface of the build is written in it",
    fix="leave it out, or set it when the container starts",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="network",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|fe80:[0-9a-f:]+(?:/\d+)?(?:%\w+)?|"
        r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d+)?|(?:eth|veth|en[ospx]|wlan|br)[\w.-]*:?",
        name=r"ether|\bmac\b|address|\binet6?\b|\bip\b|interface|\biface|\bnic\b|network|"
        r"\bdev\b|net",
    ),
    rank=28,
)
