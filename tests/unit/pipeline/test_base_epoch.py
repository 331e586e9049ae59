import pytest

from samebit.errors import UsageError
from samebit.pipeline.base import DEFAULT_EPOCH, base_epoch


@pytest.mark.parametrize(
    ("environment", "epoch"),
    [
        ({}, DEFAULT_EPOCH),
        ({"SOURCE_DATE_EPOCH": ""}, DEFAULT_EPOCH),
        ({"SOURCE_DATE_EPOCH": "0"}, 0),
        ({"SOURCE_DATE_EPOCH": "1700000000"}, 1700000000),
    ],
)
def test_the_epoch_comes_from_the_environment(environment: dict[str, str], epoch: int) -> None:
    assert base_epoch(environment) == epoch


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "\u0661", "9" * 12])
def test_an_epoch_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        base_epoch({"SOURCE_DATE_EPOCH": text})
