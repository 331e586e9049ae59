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
        # Lines of /proc/meminfo (proc(5)).
        line=r"\A(?:Mem(?:Total|Free|Available)|Swap(?:Cached|Total|Free)|Buffers|Cached|Dirty|Slab"
        r"|(?:Ina|A)ctive(?:\((?:anon|file)\))?|AnonPages|Mapped|Shmem|KReclaimable|SReclaimable"
        r"|SUnreclaim|KernelStack|PageTables|CommitLimit|Committed_AS|Writeback|Percpu"
        r"|Vmalloc(?:Total|Used|Chunk)|DirectMap\w+):\s+\d+ kB\Z",
    ),
    rank=28,
)
