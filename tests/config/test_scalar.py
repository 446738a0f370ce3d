"""What plain scalars are, and which YAML readers disagree about."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.config.scalar import Guess, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-1", -1),
        ("8080", 8080),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("10s", "10s"),
        ("16KiB", "16KiB"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0:8080", "0.0.0.0:8080"),
        ("https://app.example.com", "https://app.example.com"),
        ("/**", "/**"),
        ("GET", "GET"),
        ("none", "none"),
        ("1.2.3", "1.2.3"),
        ("nobody", "nobody"),
    ],
)
def test_values(text: str, value: object) -> None:
    found = resolve(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *[(text, "a boolean, true") for text in ("yes", "Yes", "YES", "on", "On", "True", "TRUE", "y", "Y")],
        *[(text, "a boolean, false") for text in ("no", "NO", "off", "Off", "False", "n", "N")],
        ("8080:22", "a number to the base of 60"),
        ("12:30:45", "a number to the base of 60"),
        ("190:20:30.15", "a number to the base of 60"),
        ("010", "an octal number"),
        ("0o17", "an octal number"),
        ("-07", "an octal number"),
        ("0x1F", "a hexadecimal number"),
        ("0b101", "a binary number"),
        ("1_000", "a number"),
        ("+1", "a number"),
        ("1e3", "a number"),
        (".5", "a number"),
        ("1.", "a number"),
        ("12345678901234567890", "a number"),
        (".inf", "a special number"),
        ("-.Inf", "a special number"),
        (".NaN", "a special number"),
        ("2024-01-31", "a date"),
        ("2024-01-31T10:00:00Z", "a date"),
        ("2024-1-1 10:00:00", "a date"),
        ("Null", "nothing at all"),
        ("NULL", "nothing at all"),
        ("=", "a default value"),
    ],
)
def test_guesses(text: str, meaning: str) -> None:
    assert resolve(text) == Guess(text, meaning)


@settings(deadline=None)
@given(st.from_regex(r"[-+.:_0-9a-zA-Z~=]{0,12}", fullmatch=True))
def test_text_here_is_text_to_every_yaml_1_1_reader(text: str) -> None:
    """What PyYAML takes for anything but text is never text here, and what is a value here is the same there."""
    found = resolve(text)
    reader: Any = yaml.SafeLoader("")
    tag = reader.resolve(yaml.ScalarNode, text, (True, False))
    if isinstance(found, str):
        assert tag == "tag:yaml.org,2002:str"
    elif not isinstance(found, Guess):
        assert yaml.safe_load(text) == found


@settings(deadline=None)
@given(st.integers(-(10**17), 10**17))
def test_every_plain_number_is_itself(number: int) -> None:
    assert resolve(str(number)) == number
