import json

from samebit.debian.config import encode_config
from samebit.debian.recipe import DebianBase
from samebit.model.digest import Digest
from samebit.model.platform import Platform


def test_the_config_says_how_the_image_is_made() -> None:
    recipe = DebianBase("bookworm", include=("make",), platform=Platform("linux", "arm", "v7"))
    diff_id = Digest.of(b"")
    document = json.loads(encode_config(recipe, 315619200, diff_id))
    assert document == {
        "architecture": "arm",
        "variant": "v7",
        "os": "linux",
        "created": "1980-01-02T00:00:00Z",
        "config": {
            "Cmd": ["/bin/bash"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        "rootfs": {"type": "layers", "diff_ids": [str(diff_id)]},
        "history": [
            {
                "created": "1980-01-02T00:00:00Z",
                "created_by": "samebit base debian --suite bookworm --variant minbase"
                " --include make",
            }
        ],
    }
