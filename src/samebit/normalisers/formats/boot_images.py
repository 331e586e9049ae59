"""Images for boot loaders and small kernels."""

from __future__ import annotations

from samebit.formats.boot_images import FLAT, UBOOT, rewrite_flat, rewrite_uboot
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

U_BOOT = Normaliser(
    name="formats/u-boot",
    action=Action.REWRITE,
    magic=((0, UBOOT),),
    rewrite=with_epoch(rewrite_uboot),
    why="The header's time becomes the epoch, its checksum follows; the boot loader prints it.",
    reference="U-Boot, include/image.h; strip-nondeterminism, uimage",
)

FLAT_EXECUTABLE = Normaliser(
    name="formats/flat-executable",
    action=Action.REWRITE,
    magic=((0, FLAT),),
    rewrite=with_epoch(rewrite_flat),
    why="The header's build date becomes the epoch; the kernel does not read it.",
    reference="Linux, include/linux/flat.h; strip-nondeterminism, bflt",
)
