"""Build folders of C and C++: Ninja's records, and what configuring and testing printed."""

from __future__ import annotations

from samebit.formats.cmake_system import rewrite_cmake_system
from samebit.formats.ninja import DEPS_MAGIC, LOG_MAGIC, rewrite_deps, rewrite_log
from samebit.normalisers.adapt import guarded, with_epoch
from samebit.normalisers.protocol import Action, Normaliser

_CONFIGURE = b"This file contains any messages produced by compilers while\nrunning configure"

NINJA_LOG = Normaliser(
    name="c/ninja-log",
    action=Action.REWRITE,
    paths=(b"**/.ninja_log",),
    magic=((0, LOG_MAGIC),),
    rewrite=with_epoch(rewrite_log),
    why="When each job began and ended, in the order of their ends. The commands' checksums stay,"
    " and the time is the files' own, so that Ninja finds nothing to do.",
    reference="Ninja, src/build_log.cc; The Ninja build system, The Ninja log",
)

NINJA_DEPENDENCIES = Normaliser(
    name="c/ninja-dependencies",
    action=Action.REWRITE,
    paths=(b"**/.ninja_deps",),
    magic=((0, DEPS_MAGIC),),
    rewrite=with_epoch(rewrite_deps),
    why="Which headers each file was made from, in the order in which jobs ended. The same, in"
    " order of names, with the files' own time.",
    reference="Ninja, src/deps_log.h",
)

CMAKE_LOGS = Normaliser(
    name="c/cmake-logs",
    action=Action.REMOVE,
    paths=(
        b"**/CMakeFiles/CMakeOutput.log",
        b"**/CMakeFiles/CMakeError.log",
        b"**/CMakeFiles/CMakeConfigureLog.yaml",
    ),
    why="What configuring printed, with random names of trial programs. CMake makes it anew and"
    " never reads it.",
    reference="cmake-configure-log(7); CMake, cmCoreTryCompile",
)

CMAKE_SYSTEM = Normaliser(
    name="c/cmake-system",
    action=Action.REWRITE,
    paths=(b"**/CMakeFiles/*/CMakeSystem.cmake",),
    rewrite=lambda source, size, sink, facts: guarded(
        lambda: rewrite_cmake_system(source, size, sink), facts
    ),
    why="The release of the kernel that configuring ran on, in a folder that CMake reads again. It"
    " becomes 6.1 on every machine; what a toolchain file says of the target stays.",
    reference="cmake-variables(7), CMAKE_HOST_SYSTEM_VERSION",
)

CTEST_RECORDS = Normaliser(
    name="c/ctest-records",
    action=Action.REMOVE,
    paths=(b"**/Testing/Temporary/LastTest.log", b"**/Testing/Temporary/CTestCostData.txt"),
    why="When the last tests ran and how long they took, by which CTest chooses an order only.",
    reference="ctest(1)",
)

CONFIGURE_LOG = Normaliser(
    name="c/configure-log",
    action=Action.REMOVE,
    paths=(b"**/config.log",),
    accepts=lambda _entry, head: head.startswith(_CONFIGURE),
    why="What configure printed, with the kernel and the host name of the machine it ran on."
    " configure and config.status make it anew and never read it.",
    reference="Autoconf manual, 2.1 and 16, config.log",
)

MACRO_CACHE = Normaliser(
    name="c/autoconf-cache",
    action=Action.REMOVE,
    paths=(b"**/autom4te.cache", b"**/autom4te.cache/**"),
    why="What M4 made of the macros, listed in an order that follows Perl's random hashes; it says"
    " itself that it can be removed.",
    reference="Autoconf manual, 3.4 and 8.2, autom4te.cache",
)
