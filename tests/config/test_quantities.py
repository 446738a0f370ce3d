"""Durations, ages and sizes."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from corsproxy.config.quantities import Age, parse_duration, parse_size

AGE: TypeAdapter[int] = TypeAdapter(Age)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("250ms", 0.25),
        ("10s", 10.0),
        ("1.5s", 1.5),
        ("10m", 600.0),
        ("2h", 7200.0),
        ("0s", 0.0),
        (0, 0.0),
        (30, 30.0),
        (0.5, 0.5),
    ],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "10",
        "s",
        "10 s",
        "10S",
        "10sec",
        "10min",
        "1d",
        "-1s",
        "+1s",
        "1e3s",
        "1h30m",
        ".5s",
        "٣s",
        -1,
        10**9,
        True,
        None,
        [],
        {},
    ],
)
def test_bad_durations(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(value)


@settings(deadline=None)
@given(st.integers(0, 86_400_000), st.sampled_from([("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]))
def test_a_unit_multiplies(number: int, unit: tuple[str, float]) -> None:
    name, factor = unit
    if number * factor <= 30 * 86400:
        assert parse_duration(f"{number}{name}") == number * factor
    else:
        with pytest.raises(PydanticCustomError):
            parse_duration(f"{number}{name}")


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("0B", 0),
        ("1B", 1),
        ("16KiB", 16384),
        ("10MiB", 10 * 1024**2),
        ("1GiB", 1024**3),
        (0, 0),
        (4096, 4096),
    ],
)
def test_sizes(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("10M", "write 10MiB"),
        ("10mb", "write 10MiB"),
        ("16k", "write 16KiB"),
        ("16 KiB", "write 16KiB"),
        ("1G", "write 1GiB"),
        ("1T", "write 16KiB, 10MiB, 1GiB or a number of bytes"),
        ("1.5MiB", "write 16KiB, 10MiB, 1GiB or a number of bytes"),
        ("", "write 16KiB, 10MiB, 1GiB or a number of bytes"),
        (1.5, "write 16KiB, 10MiB, 1GiB or a number of bytes"),
        (-1, "write 16KiB, 10MiB, 1GiB or a number of bytes"),
        (True, "write 16KiB, 10MiB, 1GiB or a number of bytes"),
        (2**60, "write 16KiB, 10MiB, 1GiB or a number of bytes"),
    ],
)
def test_bad_sizes(value: object, fix: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_size(value)
    assert refused.value.context is not None
    assert refused.value.context["fix"] == fix


@settings(deadline=None)
@given(st.integers(0, 2**20), st.sampled_from([("B", 1), ("KiB", 1024), ("MiB", 1024**2)]))
def test_a_size_unit_multiplies(number: int, unit: tuple[str, int]) -> None:
    name, factor = unit
    assert parse_size(f"{number}{name}") == number * factor


@settings(deadline=None)
@given(st.text(max_size=8) | st.integers() | st.floats() | st.booleans())
def test_anything_else_is_refused_in_order(value: object) -> None:
    """No other exception comes out, whatever goes in."""
    for parse in (parse_duration, parse_size):
        with contextlib.suppress(PydanticCustomError):
            assert parse(value) >= 0


@pytest.mark.parametrize(("value", "age"), [("10m", 600), ("24h", 86400), (0, 0), (-1, -1), (86400, 86400)])
def test_ages(value: object, age: int) -> None:
    assert AGE.validate_python(value) == age


@pytest.mark.parametrize("value", ["24.1h", 86401, -2, -0.5, "1.5s", 1.5, "600", True, float("nan")])
def test_bad_ages(value: object) -> None:
    with pytest.raises(ValidationError):
        AGE.validate_python(value)
