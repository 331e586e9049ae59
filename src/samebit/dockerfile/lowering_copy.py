"""Lowering COPY and ADD (docs/engines.md has every case)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from posixpath import basename

from samebit.dockerfile.evaluate import Step
from samebit.dockerfile.lowering_addresses import (
    GitAddress,
    git_address,
    is_url,
    url_file_name,
)
from samebit.dockerfile.lowering_model import (
    CONTEXT_DIRECTORY,
    FILES_DIRECTORY,
    ContextSource,
    FetchGit,
    FetchUrl,
    InlineFile,
    Layout,
    Selection,
    SourceFacts,
)
from samebit.dockerfile.lowering_modes import ModeChange, ModeError, parse_chmod
from samebit.dockerfile.lowering_state import (
    State,
    absolute,
    cleaned,
    has_wildcards,
    step_id,
)
from samebit.dockerfile.lowering_text import flag, json_words
from samebit.dockerfile.syntax import Heredoc
from samebit.errors import DockerfileError, InputError, MachineError, Place
from samebit.model.digest import Digest

_PATTERN = re.compile(r"[*?\[\\]")
# Sources that can only mean names which the engine would take for patterns.
_UNUSUAL = re.compile(r"\\|\[[\[*?]")
_OWNER = re.compile(r"""[^\s'"\\$]+\Z""")
_DEFAULT_FILE_MODE = 0o644
_DEFAULT_URL_MODE = 0o600


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A source that is a path: `index` counts all sources of the step that are paths."""

    index: int
    written: str


@dataclass(frozen=True, slots=True)
class _UrlSource:
    url: str


_Source = LocalSource | _UrlSource | GitAddress


def copy_sources(step: Step) -> tuple[ContextSource, ...]:
    """Give the paths and patterns that a COPY or ADD takes from the build context."""
    if step.base is not None:
        return ()
    found = []
    for source in _classify(step):
        if isinstance(source, LocalSource):
            path = source.written
            if step.switch("parents"):
                # What follows the pivot is matched as a pattern, which may match nothing.
                path = path.replace("/./", "/")
            found.append(
                ContextSource(
                    step=step_id(step),
                    index=source.index,
                    written=source.written,
                    path=cleaned(path),
                    pattern=has_wildcards(path),
                    place=step.where,
                    nested=_unpacks(step) and not _is_special(step),
                )
            )
    return tuple(found)


def lower_copy(step: Step, state: State) -> list[str]:
    """Give the engine's lines for a COPY or ADD, adding the materials they need."""
    copy = _Copy(step, state)
    facts = state.options.sources if step.base is None else SourceFacts()

    def is_owned_archive(source: _Source) -> bool:
        if not isinstance(source, LocalSource) or not step.value("chown"):
            return False
        return (step_id(step), source.index) in facts.archives

    for (kind, owned), group in groupby(copy.sources, key=lambda s: (type(s), is_owned_archive(s))):
        members = list(group)
        if owned:
            for source in members:
                assert isinstance(source, LocalSource)
                copy.owned_archive(source, mixed=(step_id(step), source.index) in facts.mixed)
            continue
        if kind is LocalSource:
            local = [source for source in members if isinstance(source, LocalSource)]
            copy.local(
                [s for s in local if (step_id(step), s.index) not in facts.empty],
                unusual=step_id(step) in state.options.selected
                or any((step_id(step), s.index) in facts.unusual for s in local),
            )
            continue
        for source in members:
            if isinstance(source, GitAddress):
                copy.git(source)
            elif isinstance(source, _UrlSource):
                copy.url(source.url)
    for document in step.files:
        copy.heredoc(document)
    return copy.lines


@dataclass(slots=True)
class _Copy:
    step: Step
    state: State
    lines: list[str] = field(default_factory=list)
    sources: list[_Source] = field(init=False)
    destination: str = field(init=False)
    change: ModeChange | None = field(init=False)

    def __post_init__(self) -> None:
        step = self.step
        self.sources = _classify(step)
        self.destination = absolute(step.destination, step.working_dir)
        if len(step.words) + len(step.files) > 1 and not self.destination.endswith("/"):
            self.destination += "/"
        try:
            chmod = step.value("chmod")
            self.change = parse_chmod(chmod) if chmod else None
        except ModeError as error:
            raise DockerfileError(f"{step.keyword}: {error}", where=step.where) from error
        self._check_checksum()

    def heredoc(self, document: Heredoc) -> None:
        name = basename(document.name)
        if name in ("", ".", ".."):
            raise DockerfileError(
                f"{self.step.keyword}: {document.name!r} cannot be a file's name",
                where=self.step.where,
            )
        mode = self._file_mode(_DEFAULT_FILE_MODE)
        directory = self.state.directory()
        content = document.content.encode("utf-8", "surrogateescape")
        self.state.materials.append(InlineFile(directory, name, content, mode, self.step.where))
        self._copy(self.state.context_name(directory), [self._file(name)])

    def url(self, url: str) -> None:
        directory = self.state.directory()
        name = url_file_name(url, self.step.where)
        checksum = self.step.value("checksum")
        self.state.materials.append(
            FetchUrl(
                directory=directory,
                name=name,
                url=url,
                checksum=_digest(checksum, self.step.where) if checksum else None,
                mode=self._file_mode(_DEFAULT_URL_MODE),
                step=step_id(self.step),
                place=self.step.where,
            )
        )
        path = self._file(name)
        if self.step.switch("unpack") and path == "/":
            raise MachineError(
                f"the engine cannot unpack a file named {name!r}",
                where=self.step.where,
                fix="fetch and unpack it with RUN",
            )
        if self.step.switch("unpack") and self.step.value("chown"):
            self._unpack_first(f"{FILES_DIRECTORY}/{directory}{path}")
        elif self.step.switch("unpack"):
            self._add([f"{FILES_DIRECTORY}/{directory}{path}"])
        else:
            self._copy(self.state.context_name(directory), [path])

    def git(self, address: GitAddress) -> None:
        keep = self.step.switch("keep-git-dir")
        if None not in (keep, address.keep_git_dir) and keep != address.keep_git_dir:
            raise DockerfileError(
                "--keep-git-dir and the address disagree about keeping .git",
                where=self.step.where,
            )
        checksum = self.step.value("checksum")
        if checksum and address.checksum and checksum != address.checksum:
            raise DockerfileError(
                "--checksum and the address name different commits", where=self.step.where
            )
        directory = self.state.directory()
        self.state.materials.append(
            FetchGit(
                directory=directory,
                remote=address.remote,
                ref=address.ref,
                subdir=address.subdir,
                checksum=checksum or address.checksum,
                keep_git_dir=bool(keep or address.keep_git_dir),
                submodules=address.submodules,
                exclude=self.step.values("exclude"),
                chmod=self.step.value("chmod") if _is_symbolic(self.step) else None,
                step=step_id(self.step),
                place=self.step.where,
            )
        )
        self._copy(self.state.context_name(directory), ["/"])

    def local(self, sources: list[LocalSource], *, unusual: bool) -> None:
        if not sources:
            return
        step = self.step
        unpack = _unpacks(step)
        unusual = unusual or any(_UNUSUAL.search(source.written) for source in sources)
        if _is_special(step) or unusual:
            self._select(sources, unpack=unpack)
            return
        patterns = [_pattern(source.written) for source in sources]
        if unpack:
            self._add([f"{CONTEXT_DIRECTORY}/{pattern}".rstrip("/") for pattern in patterns])
            return
        name = self.state.from_name(step.base, step.where, f"--from={step.value('from')}")
        self._copy(name, ["/" + pattern for pattern in patterns])

    def owned_archive(self, source: LocalSource, *, mixed: bool) -> None:
        """Unpack first and copy then: engines give what they unpack the archive's own owners."""
        if mixed:
            raise MachineError(
                f"{source.written} matches archives and other files, which samebit cannot give an "
                "owner together",
                where=self.step.where,
                fix="write one ADD for the archives and one for the others",
            )
        self._unpack_first(f"{CONTEXT_DIRECTORY}/{_pattern(source.written)}")

    def _unpack_first(self, path: str) -> None:
        line = f"ADD {json_words([path, '/'], self.step.where)}"
        if not self.destination.endswith("/"):
            self.destination += "/"
        self._line("COPY", [f"--from={self.state.helper_stage(line)}"], ["/"], chmod=False)

    def _select(self, sources: list[LocalSource], *, unpack: bool) -> None:
        step = self.step
        parents = bool(step.switch("parents"))
        paths = [source.written if parents else cleaned(source.written) for source in sources]
        single = paths[0] if len(self.sources) + len(step.files) == 1 else ""
        named = bool(single) and not parents and not _PATTERN.search(single)
        directory = self.state.directory()
        self.state.materials.append(
            Selection(
                directory=directory,
                tree=self.state.tree(step.base, step.where, f"--from={step.value('from')}"),
                sources=tuple(paths),
                layout=Layout.NAMED if named else Layout.MERGED,
                place=step.where,
                parents=parents,
                exclude=step.values("exclude"),
                chmod=step.value("chmod") if _is_symbolic(step) else None,
                directory_only=not self.destination.endswith("/"),
                refuse_archives=unpack,
            )
        )
        name = self.state.context_name(directory)
        if named:
            self._copy(name, [f"/{basename(single)}"])
        else:
            self._copy(name, ["/"])

    def _file(self, name: str) -> str:
        """Give the source for a material's only file."""
        if not _PATTERN.search(name):
            return f"/{name}"
        if not self.destination.endswith("/"):
            raise MachineError(
                f"the engine cannot copy a file named {name!r} to a new name",
                where=self.step.where,
                fix="end the destination with / so that it is a directory",
            )
        return "/"

    def _copy(self, name: str, paths: list[str]) -> None:
        self._line("COPY", [flag("from", name, self.step.where)], paths)

    def _add(self, paths: list[str]) -> None:
        self._line("ADD", [], paths)

    def _line(
        self, keyword: str, flags: list[str], paths: list[str], *, chmod: bool = True
    ) -> None:
        chown = self.step.value("chown")
        if chown:
            if not _OWNER.match(chown):
                raise MachineError(
                    f"the engine cannot take --chown={chown!r}",
                    where=self.step.where,
                    fix="use numbers, or names without blanks, quotes, backslashes and dollars",
                )
            flags = [*flags, flag("chown", chown, self.step.where)]
        if chmod and self.change is not None and self.change.octal is not None:
            flags = [*flags, f"--chmod={self.change.octal:o}"]
        arguments = json_words([*paths, self.destination], self.step.where)
        self.lines.append(" ".join([keyword, *flags, arguments]))

    def _file_mode(self, default: int) -> int:
        if self.change is None:
            return default
        return self.change.apply(default, directory=False)

    def _check_checksum(self) -> None:
        step = self.step
        if not step.value("checksum"):
            return
        if len(self.sources) + len(step.files) != 1:
            raise DockerfileError(
                "--checksum takes exactly one source",
                where=step.where,
                fix="write one ADD for each source",
            )
        if not self.sources or isinstance(self.sources[0], LocalSource):
            raise DockerfileError(
                "--checksum is for URLs and git addresses",
                where=step.where,
                fix="files of the build context are pinned by the context itself",
            )


def _unpacks(step: Step) -> bool:
    return step.keyword == "ADD" and step.switch("unpack") is not False


def _is_symbolic(step: Step) -> bool:
    return re.search(r"[^0-7]", step.value("chmod") or "") is not None


def _is_special(step: Step) -> bool:
    """Whether samebit has to do the selecting, because the engine knows no such flag."""
    return bool(step.switch("parents") or step.values("exclude")) or _is_symbolic(step)


def _classify(step: Step) -> list[_Source]:
    found: list[_Source] = []
    count = 0
    for word in step.words:
        address = git_address(word, step.where) if step.base is None else None
        if address is not None or (step.base is None and is_url(word)):
            if step.keyword == "COPY":
                raise DockerfileError(
                    f"COPY: {word} is not a path", where=step.where, fix="ADD takes addresses"
                )
            found.append(address if address is not None else _UrlSource(word))
            continue
        found.append(LocalSource(count, word))
        count += 1
    return found


def _pattern(source: str) -> str:
    """Give the engine's pattern for a source."""
    # `**` means more than `*` to the engine, but not to docker.
    return re.sub(r"\*+", "*", cleaned(source))


def _digest(text: str, place: Place) -> Digest:
    try:
        return Digest.parse(text)
    except InputError as error:
        raise DockerfileError(
            f"--checksum={text}: expected sha256: and 64 hexadecimal digits", where=place
        ) from error
