# ruff: noqa: D103, INP001, T201 - a script that prints
"""What normalising costs: `python benchmarks/normalising.py [MEGABYTES] [FILES] [ROUNDS]`.

Writes a layer with the names of an ordinary Debian image, with and without the newest set of
normalisers, in turn, and prints the times and their ratio. The aim is at most 1.10.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from samebit.image.entry import Entry, Kind
from samebit.image.layered_tree import LayeredTree
from samebit.image.tree_index import TreeIndex
from samebit.lock.model import NORMALISER_SET
from samebit.model.normalising import NO_CHOICES
from samebit.normalisers.selection import NormaliserSelection
from samebit.pipeline.normalise_layer import NormalisedLayer, tree_contents, write_normalised_layer
from samebit.store.store import Store

NAMES = (
    "usr/lib/x86_64-linux-gnu/lib{0}.so.{1}",
    "usr/share/doc/package{1}/changelog{0}",
    "usr/share/doc/package{1}/copyright{0}",
    "usr/lib/python3/dist-packages/package{1}/module{0}.py",
    "usr/lib/python3/dist-packages/package{1}/data{0}.json",
    "usr/share/locale/l{1}/LC_MESSAGES/domain{0}",
    "usr/share/icons/theme/48x48/apps/icon{0}-{1}.svg",
    "usr/bin/program{0}-{1}",
    "usr/include/library{1}/header{0}.h",
    "var/lib/dpkg/info/package{0}-{1}.list",
    "etc/package{1}/conf.d/{0}.conf",
    "opt/app/node_modules/package{1}/lib/index{0}.js",
)
NOISE = (
    "var/log/dpkg.log",
    "var/cache/apt/pkgcache.bin",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/status-old",
    "etc/shadow-",
)


def make_tree(root: Path, megabytes: int, files: int) -> list[Entry]:
    source = b"".join(
        Path(name).read_bytes() for name in (sys.executable, os.__file__) if Path(name).is_file()
    )
    source *= 1 + (4 << 20) // len(source)
    size = (megabytes << 20) // files
    entries: dict[bytes, Entry] = {}
    names = [NAMES[number % len(NAMES)].format(number, number % 97) for number in range(files)]
    for number, name in enumerate([*names, *NOISE]):
        for parent in list(Path(name).parents)[:-1]:
            path = os.fsencode(parent)
            entries[path] = Entry(path, Kind.DIRECTORY, 0o755)
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            at, left = number * 997 % (1 << 20), size
            while left:
                left -= file.write(source[at : at + min(left, 1 << 20)])
                at = (at + (1 << 20)) % (len(source) - (1 << 20))
        path = os.fsencode(name)
        entries[path] = Entry(path, Kind.FILE, 0o644, size=size)
    return [entries[path] for path in sorted(entries)]


def main() -> None:
    arguments = [int(text) for text in sys.argv[1:]]
    megabytes, files, rounds = (*arguments, *(500, 13_500, 3)[len(arguments) :])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        (root / "tree").mkdir()
        entries = make_tree(root / "tree", megabytes, files)
        contents = tree_contents(os.fsencode(root / "tree"), None)
        base = TreeIndex.of(LayeredTree())
        store = Store(root / "store")

        def write(number: int) -> tuple[float, float, NormalisedLayer]:
            wall, processor = time.perf_counter(), time.process_time()
            done = write_normalised_layer(
                entries,
                base,
                contents,
                NormaliserSelection.of(number, NO_CHOICES),
                epoch=0,
                store=store,
            )
            return time.perf_counter() - wall, time.process_time() - processor, done

        write(0)
        ratios = []
        for _ in range(rounds):
            plain_wall, plain, _ = write(0)
            own_wall, own, done = write(NORMALISER_SET)
            ratios.append(own / plain)
            print(
                f"{megabytes} MB, {files} files: without {plain_wall:.2f} s ({plain:.2f} s of CPU),"
                f" with {own_wall:.2f} s ({own:.2f} s), {len(done.account.files)} normalised"
            )
        print(f"ratio of CPU times: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
