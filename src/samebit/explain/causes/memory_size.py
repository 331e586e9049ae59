"""How much memory the machine had, or had left."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/memory",
    confidence=Confidence.LIKELY,
    what="the size of the machine's memory, or how much of it was free, is written in it",
    fix="write a fixed size, or set it when the container starts",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="machine",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\d+(?:\.\d+)?[kmgt]?i?b?",
        name=r"mem(?:ory|total|free|available|_\w+)?\b|\bswap|buffers|\bram\b|\bheap|buffer_pool",
        heading=r"\btotal\s+used\s+free\b",
        line=r"\A(?:Mem\w+|Swap\w+|Buffers|Cached|Dirty|Slab|AnonPages|Mapped|Shmem|"
        r"KernelStack|PageTables|Committed_AS|(?:In)?[Aa]ctive(?:\(\w+\))?|"
        r"[A-Z]\w+):\s+\d+ kB\Z",
    ),
    rank=28,
)
