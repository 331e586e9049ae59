"""`samebit normalise`: the canonical form of an image that any builder made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import InputError, UsageError
from samebit.image.compare_images import OpenedImage
from samebit.image.engine_leftovers import leftovers
from samebit.image.entry import Entry
from samebit.image.index_difference import layer_entries
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_stack import read_stack
from samebit.image.manifest import IndexEntry, Manifest
from samebit.lock.model import NORMALISER_SET
from samebit.model.descriptor import OCI_CONFIG, Descriptor
from samebit.model.finding import Finding
from samebit.model.normalising import NO_CHOICES, Account
from samebit.model.platform import Platform
from samebit.normalisers.selection import NormaliserSelection
from samebit.normalisers.spool import Spool
from samebit.pipeline.compose import combine, compose
from samebit.pipeline.layer_contents import LayerContents
from samebit.pipeline.normalise_layer import findings_of, write_normalised_layer
from samebit.pipeline.normalised_config import normalised_config, normalised_history
from samebit.pipeline.open_image import OpenedSource, open_source
from samebit.store.store import Store

__all__ = ["NORMALISER_SET", "SCRATCH", "NormaliseResult", "normalise"]

SCRATCH = "scratch"
_CHUNK = 1 << 20
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class NormaliseResult:
    """The canonical image (or the index of several), and what a person should know.

    `accounts` say what normalising contents did, by platform.
    """

    image: Descriptor
    platforms: tuple[tuple[Platform, Descriptor], ...]
    accounts: tuple[tuple[Platform, Account], ...]
    findings: tuple[Finding, ...]


def normalise(
    source: str,
    store: Store,
    *,
    base: str | None = None,
    platform: Platform | None = None,
    epoch: int,
    normalisers: int = NORMALISER_SET,
    say: Callable[[str], None] = lambda _text: None,
) -> NormaliseResult:
    """Put the canonical form of the image that `source` names into the store.

    With `base`, whatever names an image, the base's layers stay byte for byte and all above them
    becomes one layer; "scratch" says that there is none. Without, all layers become one. `platform`
    chooses one image of an index; else every image of it is normalised. `epoch` (seconds) is the
    time of everything that does not come from the base, `normalisers` the set of normalisers that
    contents go through, 0 for none. Raises UsageError, InputError,
    MachineError.
    """
    with (
        store.temporary_directory() as directory,
        _advised(),
        open_source(source, platform, store.root, directory / "source") as opened,
        ExitStack() as stack,
    ):
        below = None
        if base is not None and base != SCRATCH:
            below = stack.enter_context(open_source(base, platform, store.root, directory / "base"))
        findings: list[Finding] = []
        images: dict[Descriptor, Platform] = {}
        accounts: list[tuple[Platform, Account]] = []
        for number, image in enumerate(_images(opened, platform, findings)):
            say(f"normalising {source} for {image.image.platform}")
            work = directory / f"image-{number}"
            work.mkdir()
            run = _Normalised(
                store=store,
                source=source,
                image=image,
                base=_base_image(below, image),
                base_name=base,
                epoch=epoch,
                normalisers=normalisers,
                directory=work,
            )
            made, account = run.write(findings)
            images[made] = image.image.platform
            accounts.append((image.image.platform, account))
    platforms = tuple((found, descriptor) for descriptor, found in images.items())
    if not platforms:
        raise InputError(f"{source} holds no image", fix="name an image, or an index of images")
    return NormaliseResult(
        combine(store, platforms),
        platforms,
        tuple(accounts),
        tuple(dict.fromkeys(findings)),
    )


def normalised_image(image: OpenedImage, source: str, epoch: int, directory: Path) -> Descriptor:
    """Give what `normalise` makes of one image, for comparing: nothing of it is kept.

    `directory` must be private and is emptied by the caller. Raises as `normalise` does.
    """
    store = Store(directory / "store")
    work = directory / "work"
    work.mkdir()
    run = _Normalised(
        store=store,
        source=source,
        image=image,
        base=None,
        base_name=None,
        epoch=epoch,
        normalisers=NORMALISER_SET,
        directory=work,
    )
    return run.write([])[0]


@dataclass(frozen=True, slots=True)
class _Normalised:
    store: Store
    source: str
    image: OpenedImage
    base: OpenedImage | None
    base_name: str | None
    epoch: int
    normalisers: int
    directory: Path

    def write(self, findings: list[Finding]) -> tuple[Descriptor, Account]:
        base = self.base
        kept = base.layers if base else ()
        stack = read_stack(self._layers(), len(kept))
        for blob in kept:
            _keep(blob, self.store)
        gone = leftovers(stack.final, stack.base, base_known=self.base_name is not None)
        entries = layer_entries(stack.base, stack.final, gone)
        findings += _dropped_acls(entries, stack.acls)
        with Spool(self.directory) as spool:
            done = write_normalised_layer(
                entries,
                stack.base,
                LayerContents(stack, spool).keep(entries),
                NormaliserSelection.of(self.normalisers, NO_CHOICES),
                epoch=self.epoch,
                store=self.store,
            )
        findings += findings_of(done.account)
        document = self.image.image.config_document
        made = compose(
            self.store,
            base=base.image if base else None,
            layer=done.layer,
            config=normalised_config(document, self.source),
            history=normalised_history(
                document,
                base.image.config_document if base else None,
                self.epoch,
                layer=done.layer is not None,
            ),
            epoch=self.epoch,
        )
        return made, done.account

    def _layers(self) -> tuple[LayerBlob, ...]:
        """Give the base's own blobs, then the image's above them."""
        if self.base is None:
            return self.image.layers
        below = self.base.diff_ids
        if self.image.diff_ids[: len(below)] != below:
            raise UsageError(
                f"{self.source} ({self.image.image.platform}) does not stand on {self.base_name}:"
                " its lowest layers are others",
                fix="name the very image that it was built from, or leave --base out",
            )
        return (*self.base.layers, *self.image.layers[len(below) :])


@contextmanager
def _advised() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        error.fix = error.fix or "fetch or build the image again, or tell who made it"
        raise


def _images(
    opened: OpenedSource, platform: Platform | None, findings: list[Finding]
) -> Iterator[OpenedImage]:
    if platform is not None or opened.index is None:
        yield _linux(opened.image(platform=platform), opened.name)
        return
    for entry in _entries(opened, opened.index.entries):
        if _is_image(opened, entry):
            yield _linux(opened.image(entry.descriptor), opened.name)
        else:
            findings.append(
                Finding(
                    "dropped-manifest",
                    f"{opened.name}: {entry.descriptor.digest} is no image but an attestation or"
                    " another artifact; a canonical index has images only",
                    fix="keep it beside the image, for example as a referrer in a registry",
                )
            )


def _entries(
    opened: OpenedSource, entries: Sequence[IndexEntry], depth: int = 1
) -> Iterator[IndexEntry]:
    """Give the manifests of an index and of the indexes in it (layouts written by buildx)."""
    for entry in entries:
        found = opened.manifest(entry.descriptor)
        if isinstance(found, Manifest):
            yield entry
        elif depth == _MAX_DEPTH:
            raise InputError(f"{opened.name}: its indexes are nested deeper than {depth} levels")
        else:
            yield from _entries(opened, found.entries, depth + 1)


def _is_image(opened: OpenedSource, entry: IndexEntry) -> bool:
    if entry.platform is not None and entry.platform.os == "unknown":
        return False
    found = opened.manifest(entry.descriptor)
    return isinstance(found, Manifest) and found.config.media_type == OCI_CONFIG


def _linux(image: OpenedImage, name: str) -> OpenedImage:
    if image.image.platform.os != "linux":
        raise InputError(
            f"{name} is an image for {image.image.platform}; only those for Linux have a canonical"
            " form",
            fix="choose one image of an index with --platform",
        )
    return image


def _base_image(below: OpenedSource | None, image: OpenedImage) -> OpenedImage | None:
    if below is None:
        return None
    try:
        return below.image(platform=image.image.platform)
    except InputError as error:
        raise InputError(f"--base: {error.what}", fix=error.fix) from error


def _keep(layer: LayerBlob, store: Store) -> None:
    """Copy a blob into the store as it is."""
    blob = layer.descriptor
    if store.has(blob.digest) and store.size(blob.digest) == blob.size:
        return
    with layer.open() as stream, store.writer(blob.digest, blob.size) as writer:
        while data := stream.read(_CHUNK):
            writer.write(data)
        writer.commit()


def _dropped_acls(entries: Sequence[Entry], acls: frozenset[bytes]) -> Iterator[Finding]:
    for entry in entries:
        if entry.path in acls:
            yield Finding(
                "dropped-acl",
                f"/{os.fsdecode(entry.path)} has an access control list, which images do not carry",
                fix="give the rights by owner, group and mode instead",
            )
