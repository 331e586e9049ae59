"""`samebit audit`: what executables carry, and what they lack around them."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit.configuration.samebit_toml import FILE_NAME, read_configuration
from samebit.errors import UsageError
from samebit.executables.libraries import PATH, LibrarySearch
from samebit.image.compare_images import OpenedImage
from samebit.model.audit import (
    AuditedFile,
    AuditException,
    AuditFinding,
    AuditReport,
    Policy,
    finding_kind,
)
from samebit.model.escaped import escaped
from samebit.model.executable import Executable
from samebit.model.lightness import Lightness, Source
from samebit.model.platform import Platform
from samebit.normalisers.patterns import regex_of
from samebit.pipeline.audit_read import Reading, read_file, read_folder, read_image
from samebit.pipeline.audit_sources import sources_of
from samebit.pipeline.audit_tree import AuditTree, Node
from samebit.pipeline.lightness import weigh
from samebit.pipeline.open_image import open_source
from samebit.pipeline.temporary import temporary_directory
from samebit.store.home import default_home
from samebit.toolchains.load import Toolchains, load_toolchains

_INTERPRETER, _LIBRARY = "interpreter-missing", "library-missing"


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What to audit and how strictly.

    `configuration` is a samebit.toml (None: the one in the working directory, if there is one).
    `epoch` is the time in seconds that the build wrote everywhere, for folders and files; an image
    says its own.
    """

    target: str
    policy: Policy = Policy.REPORT
    platform: Platform | None = None
    configuration: Path | None = None
    epoch: int | None = None
    store_root: Path | None = None


def audit(request: AuditRequest) -> AuditReport:
    """Audit an image, a folder or a file. Raises UsageError, InputError or MachineError."""
    with _few_collections():
        return _audit(request)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage seldom: what an audit makes it keeps, or it is gone without looking."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _audit(request: AuditRequest) -> AuditReport:
    settings = read_configuration(request.configuration or _found()).audit
    toolchains = load_toolchains(settings.toolchains)
    judge = _Judge(request.policy, toolchains, settings.exceptions)
    path = Path(request.target)
    kind = _kind(request.target, path)
    if kind == "image":
        return _audit_image(request, judge, toolchains)
    if kind == "folder":
        reading = read_folder(path, toolchains.rules(), request.epoch)
    else:
        reading = read_file(path, toolchains.rules(), request.epoch)
    search = LibrarySearch(reading.tree)
    files = judge.files(reading.tree, search, ())
    light = weigh(reading, search, (), command=None) if kind == "folder" else None
    return judge.report(request, kind, reading, files, light)


def _found() -> Path | None:
    return Path(FILE_NAME) if os.path.isfile(FILE_NAME) else None


def _kind(target: str, path: Path) -> str:
    if not os.path.exists(target):
        if target.startswith(("/", "./", "../")):
            raise UsageError(f"there is no file or folder {target!r}", fix="check the path")
        return "image"
    if not path.is_dir():
        if not path.is_file():
            raise UsageError(f"{target!r} is neither a folder nor a file")
        return "file"
    if (path / "oci-layout").is_file():
        raise UsageError(
            f"{target!r} is an image's layout, not a folder of files", fix=f"write oci:{target}"
        )
    return "folder"


def _audit_image(request: AuditRequest, judge: _Judge, toolchains: Toolchains) -> AuditReport:
    root = request.store_root or default_home() / "store"
    with (
        temporary_directory("audit") as directory,
        open_source(request.target, request.platform, root, directory / "image") as source,
    ):
        opened = source.image(platform=request.platform)
        sources = sources_of(opened, root)
        reading = read_image(opened, toolchains.rules(), sources)
        search = _search(reading.tree, opened)
        files = judge.files(reading.tree, search, sources.rows)
        light = weigh(reading, search, sources.rows, command=_command(opened))
        return judge.report(
            request,
            "image",
            reading,
            files,
            light,
            digest=str(opened.image.descriptor.digest),
            platform=str(opened.image.platform),
        )


def _search(tree: AuditTree, opened: OpenedImage) -> LibrarySearch:
    environment = opened.image.config_document.config.get("Env")
    values: dict[str, str] = {}
    for item in environment if isinstance(environment, list) else ():
        if isinstance(item, str):
            name, _, value = item.partition("=")
            values[name] = value
    library_path = values.get("LD_LIBRARY_PATH", "").encode("utf-8", "surrogatepass")
    path = values.get("PATH", "").encode("utf-8", "surrogatepass")
    return LibrarySearch(tree, library_path, path or PATH)


def _command(opened: OpenedImage) -> list[str]:
    """Give what the image starts: the entrypoint, then the command."""
    config = opened.image.config_document.config
    words: list[str] = []
    for name in ("Entrypoint", "Cmd"):
        value = config.get(name)
        words += (
            [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
        )
    return words


class _Judge:
    """Turns facts into findings, and findings into violations or excused ones."""

    def __init__(
        self, policy: Policy, toolchains: Toolchains, exceptions: tuple[AuditException, ...]
    ) -> None:
        self._policy = policy
        self._toolchains = toolchains
        self._exceptions = [
            (re.compile(regex_of(os.fsencode(item.path[1:])), re.DOTALL), item)
            for item in exceptions
        ]
        self._used: set[AuditException] = set()
        # By language and finding: images have tens of thousands of findings of a few kinds.
        self._known: dict[tuple[str | None, str], tuple[str | None, bool]] = {}

    def files(
        self, tree: AuditTree, search: LibrarySearch, sources: Sequence[Source]
    ) -> tuple[AuditedFile, ...]:
        """Judge every executable; hard links are one file, under its first name."""
        names: dict[int, list[bytes]] = {}
        for path, node in tree.nodes.items():
            if node.facts is not None:
                names.setdefault(node.inode, []).append(path)
        return tuple(
            self._file(tree.nodes[group[0]], group, search, sources)
            for group in sorted(names.values())
        )

    def report(
        self,
        request: AuditRequest,
        kind: str,
        reading: Reading,
        files: tuple[AuditedFile, ...],
        lightness: Lightness | None,
        *,
        digest: str | None = None,
        platform: str | None = None,
    ) -> AuditReport:
        """Put the answer together."""
        unused = tuple(item for _, item in self._exceptions if item not in self._used)
        return AuditReport(
            request.target,
            kind,
            request.policy,
            sum(1 for path in reading.tree.nodes if path),
            files,
            digest,
            platform,
            unused,
            lightness,
        )

    def _file(
        self,
        node: Node,
        paths: list[bytes],
        search: LibrarySearch,
        sources: Sequence[Source],
    ) -> AuditedFile:
        facts = node.facts
        assert facts is not None
        shown = tuple(escaped(b"/" + path) for path in paths)
        libraries = _libraries(paths[0], facts, search)
        found = [
            self._finding(paths, facts, trace.finding, trace.value, trace.place)
            for trace in facts.traces
        ]
        found += [
            self._finding(paths, facts, code, value, place)
            for code, value, place in _missing(facts, libraries, search)
        ]
        return AuditedFile(
            shown[0],
            node.size,
            facts,
            shown[1:],
            sources[node.source] if node.source is not None else None,
            tuple(
                (escaped(name), escaped(b"/" + place) if place is not None else "")
                for name, place in libraries
            ),
            tuple(found),
        )

    def _finding(
        self, paths: list[bytes], facts: Executable, code: str, value: str, place: str
    ) -> AuditFinding:
        excused = self._excuse(paths, code) if self._exceptions else None
        key = (facts.language, code)
        if key not in self._known:
            kind = finding_kind(code)
            refused = kind.policy is not Policy.REPORT and self._policy.includes(kind.policy)
            self._known[key] = (self._toolchains.fix(facts.language, code), refused)
        fix, refused = self._known[key]
        return AuditFinding(code, value, place, fix, excused, violation=refused and excused is None)

    def _excuse(self, paths: list[bytes], code: str) -> str | None:
        for pattern, item in self._exceptions:
            if item.finding in ("*", code) and any(pattern.fullmatch(path) for path in paths):
                self._used.add(item)
                return item.reason
        return None


def _libraries(
    path: bytes, facts: Executable, search: LibrarySearch
) -> list[tuple[bytes, bytes | None]]:
    if facts.linkage is None or facts.format != "elf":
        return []
    return search.libraries(path, facts.linkage)


def _missing(
    facts: Executable,
    libraries: list[tuple[bytes, bytes | None]],
    search: LibrarySearch,
) -> Iterator[tuple[str, str, str]]:
    for name, place in libraries:
        if place is None:
            yield _LIBRARY, escaped(name), "DT_NEEDED"
    linkage = facts.linkage
    # A library may name its loader too, so that it can be started to tell its version.
    if linkage is not None and facts.format == "elf" and facts.kind == "executable":
        interpreter = linkage.interpreter
        if interpreter is not None and search.interpreter(interpreter) is None:
            yield _INTERPRETER, escaped(interpreter), "PT_INTERP"
    for command in facts.commands:
        if search.command(command) is None:
            yield _INTERPRETER, escaped(command), "first line"
