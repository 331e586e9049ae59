"""`RUN --mount=…` (Dockerfile reference, "RUN --mount")."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from samebit.dockerfile.grammar import nearest

_TYPES = ("bind", "cache", "secret", "ssh", "tmpfs")
_SHARING = ("shared", "private", "locked")
_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_ALIASES |= {"rw": "readwrite"}
_KEYS = (
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "readwrite",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
)
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?) ?([bkmgtp]?)i?b?\Z", re.IGNORECASE)


class MountError(ValueError):
    """A mount that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount of a RUN; fields that were not given are None (`size` in bytes).

    `source_of` is the stage, image or context of `from=`. A `target` that is not absolute, or not
    given for another type than secret and ssh, stands for a path under the working directory.
    """

    type: str = "bind"
    source_of: str | None = None
    source: str | None = None
    target: str | None = None
    read_only: bool | None = None
    id: str | None = None
    sharing: str | None = None
    required: bool = False
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str | None = None

    @property
    def writable(self) -> bool:
        """Whether RUN may write to it: only caches and tmpfs by default."""
        if self.read_only is None:
            return self.type in ("cache", "tmpfs")
        return not self.read_only


def parse_mount(text: str, expand: Callable[[str], str] | None = None) -> Mount:
    """Read the value of one --mount; raises MountError.

    Without `expand` only what needs no variables is checked: values that contain a `$` are left as
    they are. `from` never takes a variable.
    """
    mount = Mount()
    for field in _fields(text):
        key, equals, raw = field.partition("=")
        key = _ALIASES.get(key.lower(), key.lower())
        if key not in _KEYS:
            near = nearest(key, _KEYS)
            raise MountError(
                f"unexpected key {key!r}" + (f", did you mean {near!r}?" if near else "")
            )
        if not equals and key not in ("readonly", "readwrite", "required"):
            raise MountError(f"expected a value: {key}=…")
        if key == "from" and "$" in raw[:-1]:
            raise MountError(
                "from= takes no variables: give the image a stage of its own with FROM, "
                "which may use a global ARG"
            )
        value = (expand(raw) if expand else raw) if equals else "true"
        if expand is None and "$" in value and key not in ("source", "target", "id", "env"):
            continue
        mount = _set(mount, key, value)
    if expand is not None or "$" not in text:
        _check(mount)
    return mount


def _set(mount: Mount, key: str, value: str) -> Mount:
    match key:
        case "type":
            return replace(mount, type=_one_of("type", value.lower(), _TYPES))
        case "sharing":
            return replace(mount, sharing=_one_of("sharing", value.lower(), _SHARING))
        case "from":
            return replace(mount, source_of=value or None)
        case "source":
            return replace(mount, source=value)
        case "target":
            return replace(mount, target=value)
        case "id":
            return replace(mount, id=value)
        case "env":
            return replace(mount, env=value)
        case "readonly":
            return replace(mount, read_only=_boolean(key, value))
        case "readwrite":
            return replace(mount, read_only=not _boolean(key, value))
        case "required":
            return replace(mount, required=_boolean(key, value))
        case "size":
            return replace(mount, size=_size(value))
        case "mode":
            return replace(mount, mode=_number(key, value, 8))
        case "uid":
            return replace(mount, uid=_number(key, value, 10))
        case _:
            return replace(mount, gid=_number(key, value, 10))


def _check(mount: Mount) -> None:
    kind = mount.type
    if mount.required and kind not in ("secret", "ssh"):
        raise MountError(f"required= has no meaning for a mount of type {kind}")
    if mount.size is not None and kind != "tmpfs":
        raise MountError(f"size= has no meaning for a mount of type {kind}")
    if mount.sharing and kind != "cache":
        raise MountError(f"sharing= has no meaning for a mount of type {kind}")
    if kind in ("bind", "tmpfs"):
        for name, value in (("mode", mount.mode), ("uid", mount.uid), ("gid", mount.gid)):
            if value is not None:
                raise MountError(f"{name}= has no meaning for a mount of type {kind}")
    if kind == "secret":
        if mount.source_of:
            raise MountError("from= has no meaning for a mount of type secret")
        if not (mount.source or mount.target or mount.id):
            raise MountError("a secret needs id= or target=")
        if mount.source and mount.id:
            raise MountError("a secret takes source= or id=, not both")


def _fields(text: str) -> list[str]:
    """Split at commas; a field in double quotes may hold commas and doubled quotes (RFC 4180)."""
    fields: list[str] = []
    at = 0
    while True:
        if text.startswith('"', at):
            match = re.compile(r'"((?:[^"]|"")*)"').match(text, at)
            if match is None or text[match.end() : match.end() + 1] not in ("", ","):
                raise MountError("unbalanced double quote")
            fields.append(match[1].replace('""', '"'))
            at = match.end()
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            if '"' in text[at:end]:
                raise MountError('a double quote must enclose the whole field: "key=value"')
            fields.append(text[at:end])
            at = end
        if at == len(text):
            return fields
        at += 1


def _one_of(key: str, value: str, valid: tuple[str, ...]) -> str:
    if value not in valid:
        raise MountError(f"{key}={value}: expected one of {', '.join(valid)}")
    return value


def _boolean(key: str, value: str) -> bool:
    if value not in _TRUE + _FALSE:
        raise MountError(f"{key}={value}: expected true or false")
    return value in _TRUE


def _number(key: str, value: str, base: int) -> int:
    digits = "01234567" if base == 8 else "0123456789"
    if not value or value.strip(digits) or len(value) > 12 or int(value, base) >= 2**32:
        raise MountError(f"{key}={value}: expected a number" + (" in octal" if base == 8 else ""))
    return int(value, base)


def _size(value: str) -> int:
    match = _SIZE.match(value)
    if match is None or len(value) > 20:
        raise MountError(f"size={value}: expected a size such as 64m or 1g")
    return int(float(match[1]) * 1024 ** " kmgtp".index(match[2].lower().replace("b", "") or " "))
