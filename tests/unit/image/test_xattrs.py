from __future__ import annotations

import pytest

from samebit.errors import InputError
from samebit.image.xattrs import CAPABILITY, capability_version_2, kept_xattrs

V2 = bytes.fromhex("01000002" + "00200000" + "00000000" * 3)


def test_only_what_belongs_to_the_image_is_kept() -> None:
    found = [
        (b"user.z", b"1"),
        (b"user.a", b"\0"),
        (b"user.empty", b""),
        (CAPABILITY, V2),
        (b"user.overlay.opaque", b"y"),
        (b"user.fuseoverlayfs.origin", b"x"),
        (b"user.containers.override_stat", b"0:0:0755"),
        (b"user.overlayish", b"kept"),
        (b"trusted.overlay.opaque", b"y"),
        (b"security.selinux", b"x"),
        (b"security.ima", b"x"),
        (b"system.posix_acl_access", b"acl"),
    ]
    kept, acls = kept_xattrs(found, "x")
    assert kept == (
        (CAPABILITY, V2),
        (b"user.a", b"\0"),
        (b"user.overlayish", b"kept"),
        (b"user.z", b"1"),
    )
    assert acls == ((b"system.posix_acl_access", b"acl"),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (V2, V2),
        (bytes.fromhex("00000002" + "11" * 16), bytes.fromhex("00000002" + "11" * 16)),
        (bytes.fromhex("01000003" + "00200000" + "00000000" * 3 + "a0860100"), V2),
        (
            bytes.fromhex("01000001" + "00200000" + "07000000"),
            bytes.fromhex("01000002" + "00200000" + "07000000" + "00" * 8),
        ),
    ],
    ids=["v2", "v2 not effective", "v3 with root", "v1"],
)
def test_capabilities_take_their_version_2_form(value: bytes, expected: bytes) -> None:
    assert capability_version_2(value, "x") == expected


@pytest.mark.parametrize(
    "value", [b"", b"\x01", V2[:-1], V2 + b"\0", b"\x01\0\0\x04" + bytes(20), b"\x03" + V2[1:]]
)
def test_malformed_capabilities(value: bytes) -> None:
    with pytest.raises(InputError, match="x: malformed file capabilities"):
        capability_version_2(value, "x")
