"""The shell script that the engine calls as its OCI runtime: before the shim, and often instead.

Starting Python takes longer than all that the shim does, and an engine calls its runtime four times
for each RUN. Only `create` needs it, and what samebit verify asks for.
"""

from __future__ import annotations

import marshal
import stat
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from samebit.engines import shim, shim_capture, shim_json

# The shim writes calls of `clear` with the mount points that the runtime will make, the deepest
# first. When they are read the step has ended, and nothing is taken away behind a link that it put
# in a directory's place: that could lead out of the root.
_TEXT = """\
#!/bin/sh
set -- --root {containers} "$@"
clear() {{
for p do
shift
cd -P -- "${{p%/*}}" && [ "$PWD" = "${{p%/*}}" ] && [ ! -L "$p" ] || continue
[ -d "$p" ] || {{ [ -f "$p" ] && [ ! -s "$p" ]; }} || continue
set -- "$@" "$p"
done
rm -f -- "$s" "$@"
rmdir -- "$@"
}}
finish() {{
: >{state}/ended
for s in {state}/{stubs}*; do [ ! -e "$s" ] || (. "$s") 2>/dev/null; done
}}
for a in "$@"; do case "$a" in
{calls}
esac; done
exec {runtime} "$@"
"""
_CALLS = """\
{shimmed}) exec {shim} "$@";;
delete) finish
for s in {state}/{traced}*; do [ ! -e "$s" ] || exec {shim} "$@"; done
;;"""
# BuildKit deletes a container when its tree is unmounted already, or another step runs.
_RUN = """\
run) for c do :; done
{shim} "$@"
r=$?
finish
for s in {state}/{traced}*; do [ ! -e "$s" ] || {shim} {ended} "${{s##*-}}"; done
s={state}/{awaited}"${{c##*/}}"
[ ! -e "$s" ] || if [ $r = 0 ]; then mv -- "$s" "$(cat "$s")"; else : >{state}/{stopped}; fi
exit $r;;"""


def write_wrapper(
    folder: Path,
    *,
    runtime: str,
    containers: Path,
    state: Path,
    plan: Path,
    varied: bool,
    restricts: bool,
    runs: bool = False,
) -> Path:
    """Write the script into `folder`: `runtime` behind the shim that obeys `plan`.

    `containers` is where the runtime keeps its state. `state` is the plan's directory of that name;
    in it the file `ended` is touched when a step ends. With `varied` it is the shim of samebit
    verify, with `restricts` it sees the start of each step, too. `runs` is for an engine that calls
    `run`, which lasts as long as the step, and several at the same time. Raises OSError.
    """
    script = Path(shim.__file__).with_name("shim_varied.py") if varied else _compiled(folder)
    python = [sys.executable, "-I", "-S", str(script), str(plan)]
    path = folder / "runtime"
    values = {
        "containers": shim.quoted(str(containers)),
        "shimmed": "create|start" if restricts else "create",
        "shim": " ".join(map(shim.quoted, python)),
        "state": shim.quoted(str(state)),
        "stubs": shim.STUBS,
        "traced": shim.TRACED,
        "ended": shim.ENDED,
        "awaited": shim.AWAITED,
        "stopped": shim.STOPPED,
        "runtime": shim.quoted(runtime),
    }
    calls = (_RUN if runs else _CALLS).format(**values)
    text = _TEXT.format(calls=calls, **values)
    path.write_text(text, "utf-8", errors="surrogateescape")
    path.chmod(stat.S_IRWXU)
    return path


def _compiled(folder: Path) -> Path:
    """Write the shim as Python's own byte code (PEP 552): compiling it takes as long as its start.

    The interpreter keeps none of a program that it is given as a file.
    """
    for module in (shim_capture, shim_json, shim):
        get_code = getattr(module.__loader__, "get_code", None)
        code = get_code(module.__name__) if get_code is not None else None
        if code is None:
            return Path(shim.__file__)
        path = folder / (module.__name__.rpartition(".")[2] + ".pyc")
        path.write_bytes(MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
    return path
