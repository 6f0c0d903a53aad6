import pytest
from hypothesis import given
from hypothesis import strategies as some

from nnsweep.jobs.job import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1B", 1),
        ("64KB", 64_000),
        ("64 KiB", 64 * 1024),
        ("512MB", 512_000_000),
        (" 0.5MiB ", 2**19),
        ("1.5GB", 1_500_000_000),
        ("2GiB", 2**31),
        ("3TB", 3 * 10**12),
        ("1TiB", 2**40),
        (f"1{'0' * 400}TB", 10**412),
    ],
)
def test_a_size_is_read_as_it_is_written(text, size):
    assert parse_size(text) == size


@given(some.integers(1, 2**53), some.sampled_from([("", 1), ("KB", 1000), ("MiB", 2**20), ("TB", 10**12)]))
def test_a_size_is_its_number_times_its_unit(number, unit):
    name, factor = unit
    assert parse_size(f"{number}{name}") == number * factor


WRONG = [
    "",
    "GB",
    "0",
    "0GB",
    "-1GB",
    "0.0001KB",
    "1XB",
    "1gb",
    "1 G B",
    "1e3MB",
    "1,5GB",
    "nan",
    "inf",
    "1iB",
    "1G",
    "Ki",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_size_is_told_with_an_example(text):
    with pytest.raises(ValueError, match=r"^must be a size above 0, such as 512MB or 2GiB$"):
        parse_size(text)
