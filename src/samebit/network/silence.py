"""Connections on which nothing was asked: spare ones of HTTP clients, or another protocol's."""

from __future__ import annotations

import threading

from samebit.network.problems import Problem


class Silence:
    """Remembers them until it is known who speaks HTTP; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._silent: dict[str, Problem] = {}

    def heard(self, place: str) -> None:
        """Note that a request was made at `host:port`."""
        self._heard.add(place)

    def heard_nothing(self, problem: Problem) -> None:
        """Note a connection without a request; the problem's subject is its `host:port`."""
        with self._lock:
            self._silent.setdefault(problem.subject, problem)

    def problems(self) -> list[Problem]:
        """Give those at places where nobody made a request at all."""
        with self._lock:
            return [p for place, p in self._silent.items() if place not in self._heard]
