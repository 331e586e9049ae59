"""Config and history of a normalised image (docs/canonical-form.md, "Config and history")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from samebit.dockerfile.config import ImageConfig, read_config
from samebit.dockerfile.history import timestamp
from samebit.image.config import ConfigDocument, History

# Labels by which tools tell about themselves or the folder they ran in.
_ENGINE_LABELS = frozenset({"io.buildah.version"})
_ENGINE_LABEL_PREFIXES = ("com.docker.compose.",)
# buildah names the image that a step stood on, BuildKit itself.
_ENGINE_COMMENTS = ("FROM ", "buildkit.")
_NO_OPERATION = re.compile(r"(?:/bin/sh -c )?#\(nop\) +")
_KEYWORD = re.compile(r"[A-Z]+(?= )")
_WITHOUT_FILES = frozenset(
    {
        *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
        *("MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
    }
)


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """An entry of a history that has its text and nothing of when and by what it was made."""

    created: str
    created_by: str
    comment: str
    empty_layer: bool

    def document(self) -> Mapping[str, str | bool]:
        """Give the entry as JSON; what is empty or false is left out."""
        fields: dict[str, str | bool] = {"created": self.created}
        if self.created_by:
            fields["created_by"] = self.created_by
        if self.comment:
            fields["comment"] = self.comment
        if self.empty_layer:
            fields["empty_layer"] = True
        return fields


def normalised_config(document: ConfigDocument, name: str) -> ImageConfig:
    """Give the config without labels of engines; `name` is the image, for messages.

    Raises InputError.
    """
    config = read_config(document.document, name)
    labels = tuple(
        (key, value)
        for key, value in config.labels
        if key not in _ENGINE_LABELS and not key.startswith(_ENGINE_LABEL_PREFIXES)
    )
    # The platform as `config` says it may have a needless variant (amd64/v1).
    platform = document.platform
    return replace(config.with_platform(platform), labels=labels, variant=platform.variant or "")


def normalised_history(
    document: ConfigDocument, base: ConfigDocument | None, epoch: int, *, layer: bool
) -> tuple[KeptHistory, ...]:
    """Give the entries of the image that follow those of its base.

    `layer` says whether the image has a layer of its own; it is put down to the last entry that
    tells of changed files, else to the last WORKDIR, else to the last one, whatever the builder
    made a layer of. Raises UsageError for an epoch that is no date.
    """
    created = timestamp(epoch)
    own = _own(document.history, base)
    if layer and not own:
        own = (History(),)
    texts = [entry.created_by or "" for entry in own]
    keywords = [_keyword(text) for text in texts]
    last = _changing(keywords) if layer else -1
    return tuple(
        KeptHistory(created, text, _comment(entry), empty_layer=number != last)
        for number, (entry, text) in enumerate(zip(own, texts, strict=True))
    )


def _own(history: Sequence[History], base: ConfigDocument | None) -> Sequence[History]:
    """Cut off the base's entries: as they are, or up to the one of its highest layer."""
    if base is None:
        return history
    inherited = base.history
    if inherited and _told(inherited) == _told(history[: len(inherited)]):
        return history[len(inherited) :]
    left = len(base.diff_ids)
    for number, entry in enumerate(history):
        if not left:
            return history[number:]
        left -= not entry.empty_layer
    return ()


def _told(history: Sequence[History]) -> list[tuple[str | None, bool]]:
    return [(entry.created_by, entry.empty_layer) for entry in history]


def _changing(keywords: Sequence[str]) -> int:
    for wanted in ("", "WORKDIR"):
        found = [number for number, keyword in enumerate(keywords) if keyword == wanted]
        if found:
            return found[-1]
    return len(keywords) - 1


def _keyword(text: str) -> str:
    """Give the keyword of an instruction that makes no files; "" for all else, RUN in every form.

    docker and buildah write `/bin/sh -c #(nop) ENV A=1` for what is no RUN, BuildKit the
    instruction itself.
    """
    told = _NO_OPERATION.match(text)
    found = _KEYWORD.match(text, told.end() if told else 0)
    keyword = found[0] if found else ""
    return keyword if keyword in _WITHOUT_FILES or keyword == "WORKDIR" else ""


def _comment(entry: History) -> str:
    comment = entry.comment or ""
    return "" if comment.startswith(_ENGINE_COMMENTS) else comment
