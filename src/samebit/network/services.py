"""What every connection works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from samebit.network.library import Library
from samebit.network.names import Names
from samebit.network.silence import Silence

if TYPE_CHECKING:
    from samebit.network.authority import Authority
    from samebit.network.exchanges import Exchanges


@dataclass(frozen=True, slots=True)
class Services:
    """What connections share.

    `exchanges` gives what answers requests, `instruction` the marker of the running step; `abort`
    ends what goes on upstream, `spool` is a directory for the bodies of requests.
    """

    library: Library
    exchanges: Callable[[], Exchanges]
    names: Names
    authority: Authority
    silence: Silence
    instruction: Callable[[], str]
    abort: Callable[[], None]
    spool: Path
