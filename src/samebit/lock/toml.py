"""Reading and writing the lock file: TOML 1.0, sorted, one fact a line, strict."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import cast, get_args

from samebit.errors import MachineError, Place, UsageError
from samebit.lock.fetch import LockedFetch
from samebit.lock.fetch_toml import format_fetch, parse_fetch
from samebit.lock.model import (
    CANONICAL_FORM,
    ENVIRONMENT_SET,
    EPOCH_LIMIT,
    LOCK_VERSION,
    NORMALISER_SET,
    BaseReference,
    Lock,
    LockedBase,
    Recipe,
    find_fetch_fault,
)
from samebit.lock.toml_values import array, bare_key, quote, take_digest, take_platform
from samebit.model.digest import Digest
from samebit.model.hardening import HardenedVariable, Hardening, HardeningMode
from samebit.model.normalising import NormaliserChoices, PathRule, RuleAction
from samebit.model.reference import Reference
from samebit.model.toml_source import TomlSource, TomlTable

_HEADER = "# Written by samebit: what this image is made from. Commit this file.\n"
_NEWER = "it was written by a newer samebit: upgrade samebit, or re-record it with `samebit lock`"
_REPAIR = "restore it from version control, or delete it and run `samebit lock`"
_HARDENED = ("language", "mode", "name", "value")
_RULE = ("action", "path", "reason")


def lock_path(dockerfile: Path, image: str | None = None) -> Path:
    """Where the lock of a Dockerfile is: `<Dockerfile name>.lock` beside it.

    An image that samebit.toml names has `<Dockerfile name>@<image>.lock`, because several may be
    built from one Dockerfile with other targets and arguments.
    """
    suffix = f"@{image}" if image else ""
    return dockerfile.with_name(f"{dockerfile.name}{suffix}.lock")


def temporary_prefix(lock: Path) -> str:
    """How the names of the temporary files start that `write_lock` makes beside the lock."""
    return lock.name + ".tmp"


def format_lock(lock: Lock) -> str:
    """Render a lock as the text of its file; equal locks give equal text."""
    recipe = lock.recipe
    lines = [
        f"canonical-form = {lock.canonical_form}",
        f"environment = {lock.environment}",
        f"epoch = {lock.epoch}",
        *([f"inputs = {quote(str(lock.inputs))}"] if lock.inputs else []),
        f"normalisers = {lock.normalisers}",
        f"version = {lock.version}",
        "",
        "[recipe]",
        f"checksum = {quote(str(recipe.checksum))}",
        f"instructions = {quote(str(recipe.instructions))}",
        *array("platforms", [str(platform) for platform in recipe.platforms]),
    ]
    if recipe.hardening.strip:
        lines.append("strip = true")
    if recipe.target is not None:
        lines.append(f"target = {quote(recipe.target)}")
    if recipe.build_args:
        lines += ["", "[recipe.build-args]"]
        lines += [f"{bare_key(name)} = {quote(value)}" for name, value in recipe.build_args]
    for variable in recipe.hardening.variables:
        lines += ["", "[[recipe.harden]]"]
        lines += [f"{name} = {quote(getattr(variable, name))}" for name in _HARDENED]
    lines += _choices(recipe.normalising)
    for base in lock.bases:
        lines += ["", "[[base]]"]
        if base.diff_ids:
            lines += array("diff-ids", [str(diff_id) for diff_id in base.diff_ids])
        if base.digest:
            lines.append(f"digest = {quote(str(base.digest))}")
        if base.made_from:
            lines.append(f"made-from = {quote(str(base.made_from))}")
        lines += [f"name = {quote(base.name)}", f"platform = {quote(str(base.platform))}"]
    for fetch in lock.fetches:
        lines += ["", *format_fetch(fetch, recipe.platforms)]
    return _HEADER + "\n".join(lines) + "\n"


def parse_lock(data: bytes, path: str) -> Lock:
    """Read a lock file's bytes; `path` names it in messages.

    Raises UsageError with the line for anything that this samebit would not have written itself:
    unknown keys, missing or mistyped values, versions it does not know.
    """
    if b"\n<<<<<<<" in data or data.startswith(b"<<<<<<<"):
        line = data.split(b"<<<<<<<")[0].count(b"\n") + 1
        raise UsageError(
            "the lock holds merge conflict markers",
            where=Place(path, line),
            fix="take either side, then run `samebit lock` to bring it up to date",
        )
    try:
        return _parse(data, path)
    except UsageError as error:
        error.fix = error.fix or _REPAIR
        raise


def _parse(data: bytes, path: str) -> Lock:
    root = TomlSource.parse(path, data).root()
    version = _version(root, "version", LOCK_VERSION)
    table = root.table("recipe")
    bases = tuple(_parse_base(base) for base in root.tables("base"))
    _refuse_duplicates(root, bases)
    epoch = root.integer("epoch")
    if not 0 <= epoch < EPOCH_LIMIT:
        raise root.error(f"must be from 0 to {EPOCH_LIMIT - 1} seconds", "epoch", fix=_REPAIR)
    recipe = _parse_recipe(table, tuple(base.reference for base in bases))
    lock = Lock(
        epoch=epoch,
        recipe=recipe,
        bases=bases,
        fetches=_parse_fetches(root, recipe),
        inputs=_parse_inputs(root),
        version=version,
        canonical_form=_version(root, "canonical-form", CANONICAL_FORM),
        normalisers=_version(root, "normalisers", NORMALISER_SET, lowest=0),
        environment=_version(root, "environment", ENVIRONMENT_SET),
    )
    root.finish(fix=_NEWER)
    table.finish(fix=_NEWER)
    if Digest.parse(table.string("checksum")) != lock.recipe.checksum:
        raise table.error(
            "does not belong to the facts below it: the lock was edited by hand or badly merged",
            "checksum",
            fix=_REPAIR,
        )
    return lock


def read_lock(path: Path, shown: str | None = None) -> Lock | None:
    """Read the lock at `path`, None when there is none; `shown` is how the user knows the path.

    Raises UsageError when it cannot be understood (see `parse_lock`) or read.
    """
    name = shown or str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"cannot read the lock: {error.strerror}", where=Place(name), fix="check the file"
        ) from error
    return parse_lock(data, name)


def write_lock(path: Path, lock: Lock) -> bool:
    """Write the lock atomically, keeping an existing file's mode; False when nothing changed.

    A link is followed, so that the file it points to is replaced. Raises MachineError when the
    folder cannot be written or the disk is full (the old lock is intact then), UsageError when a
    name or value is not UTF-8.
    """
    try:
        data = format_lock(lock).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the lock cannot hold text that is not UTF-8: {_around(error)!a}",
            where=Place(str(path)),
            fix="give build args, references and stage names as UTF-8 text",
        ) from None
    real = Path(os.path.realpath(path))
    temporary = real.with_name(f"{temporary_prefix(real)}.{secrets.token_hex(8)}")
    try:
        mode = _existing_mode(real)
        if mode is not None and real.read_bytes() == data:
            return False
        try:
            _write_durably(temporary, data, mode)
            os.replace(temporary, real)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(real.parent)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    return True


def check_writable(path: Path) -> None:
    """Raise the MachineError that `write_lock` would raise for a folder that takes no files."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise _unwritable(path, "its folder does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(path, "its folder is read-only")


def _unwritable(path: Path, why: str | None) -> MachineError:
    return MachineError(
        f"cannot write the lock: {why}",
        where=Place(str(path)),
        fix="make its folder writable and free some space",
    )


def _parse_recipe(table: TomlTable, bases: tuple[BaseReference, ...]) -> Recipe:
    checksum = table.string("checksum")
    take_digest(table, "checksum", checksum, fix=_REPAIR)
    platforms = tuple(
        take_platform(table, "platforms", text, position, fix=_REPAIR)
        for position, text in enumerate(table.strings("platforms"))
    )
    arguments = table.table("build-args")
    build_args = tuple(sorted((name, arguments.string(name)) for name in arguments.names()))
    return Recipe(
        instructions=take_digest(table, "instructions", table.string("instructions"), fix=_REPAIR),
        bases=bases,
        target=table.optional_string("target"),
        platforms=tuple(sorted(platforms)),
        build_args=build_args,
        normalising=_parse_choices(table.table("normalise")),
        hardening=Hardening(
            tuple(_parse_hardened(item) for item in table.tables("harden")),
            table.boolean("strip", default=False),
        ),
    )


def _parse_hardened(table: TomlTable) -> HardenedVariable:
    mode = table.string("mode")
    if mode not in get_args(HardeningMode):
        raise table.error(f"is {mode!r}", "mode", fix=_REPAIR)
    variable = HardenedVariable(
        table.string("language"),
        table.string("name"),
        cast("HardeningMode", mode),
        table.string("value"),
    )
    table.finish(fix=_NEWER)
    return variable


def _parse_base(table: TomlTable) -> LockedBase:
    digest = table.optional_string("digest")
    made_from = table.optional_string("made-from")
    diff_ids = table.strings("diff-ids")
    if digest is None and not diff_ids:
        raise table.error("has neither digest nor diff-ids", fix=_REPAIR)
    base = LockedBase(
        name=table.string("name"),
        platform=take_platform(table, "platform", table.string("platform"), fix=_REPAIR),
        digest=None if digest is None else take_digest(table, "digest", digest, fix=_REPAIR),
        diff_ids=tuple(take_digest(table, "diff-ids", text, fix=_REPAIR) for text in diff_ids),
        made_from=None
        if made_from is None
        else take_digest(table, "made-from", made_from, fix=_REPAIR),
    )
    table.finish(fix=_NEWER)
    return base


def _choices(choices: NormaliserChoices) -> list[str]:
    lines = []
    if choices.off or choices.keep:
        lines += ["", "[recipe.normalise]"]
        lines += array("keep", list(choices.keep)) if choices.keep else []
        lines += array("off", list(choices.off)) if choices.off else []
    for rule in choices.rules:
        lines += ["", "[[recipe.normalise.rule]]"]
        lines += [f"{name} = {quote(getattr(rule, name))}" for name in _RULE]
    return lines


def _parse_choices(table: TomlTable) -> NormaliserChoices:
    rules = []
    for rule in table.tables("rule"):
        path, action, reason = rule.string("path"), rule.string("action"), rule.string("reason")
        if action not in get_args(RuleAction):
            raise rule.error(f"is {action!r}", "action", fix=_REPAIR)
        rules.append(PathRule(path, cast("RuleAction", action), reason))
        rule.finish(fix=_NEWER)
    choices = NormaliserChoices(table.strings("off"), table.strings("keep"), tuple(rules))
    table.finish(fix=_NEWER)
    return choices


def _parse_fetches(root: TomlTable, recipe: Recipe) -> tuple[LockedFetch, ...]:
    tables = root.tables("fetch")
    fetches = tuple(
        parse_fetch(table, recipe.platforms, repair=_REPAIR, newer=_NEWER) for table in tables
    )
    fault = find_fetch_fault(fetches)
    if fault is not None:
        position = next(n for n, fetch in enumerate(fetches) if fetch is fault[0])
        raise tables[position].error(f"({fault[0].key}) {fault[1]}", fix=_REPAIR)
    return fetches


def _parse_inputs(root: TomlTable) -> Reference | None:
    text = root.optional_string("inputs")
    if text is None:
        return None
    try:
        reference = Reference.parse(text)
    except UsageError as error:
        raise root.error(f"is {error.what}", "inputs", fix=_REPAIR) from None
    if reference.digest is None:
        raise root.error("names no digest", "inputs", fix=_REPAIR)
    if str(reference) != text:
        raise root.error(f"is {text!r}, written as {reference}", "inputs", fix=_REPAIR)
    return reference


def _refuse_duplicates(root: TomlTable, bases: tuple[LockedBase, ...]) -> None:
    seen = set()
    for position, base in enumerate(bases):
        if (base.name, base.platform) in seen:
            raise root.error(
                f"locks {base.name} for {base.platform} twice", "base", position, fix=_REPAIR
            )
        seen.add((base.name, base.platform))


def _version(root: TomlTable, name: str, newest: int, lowest: int = 1) -> int:
    value = root.integer(name)
    if value > newest:
        raise root.error(f"is {value}, and this samebit knows {newest} at most", name, fix=_NEWER)
    if value < lowest:
        raise root.error(f"must be {lowest} or more", name, fix=_REPAIR)
    return value


def _around(error: UnicodeEncodeError) -> str:
    return error.object[max(0, error.start - 20) : error.end]


def _existing_mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _write_durably(path: Path, data: bytes, mode: int | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(descriptor, "wb") as file:
        if mode is not None:
            os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
