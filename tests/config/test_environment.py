"""References to the environment."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corsproxy.config.environment import BadReference, substitute

ENVIRON = {"A": "one", "B": "two", "EMPTY": "", "INNER": "${A}"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$A", "$A"),
        ("$", "$"),
        ("${A}", "one"),
        ("<${A}-${B}>", "<one-two>"),
        ("${A:-other}", "one"),
        ("${C:-other}", "other"),
        ("${C:-}", ""),
        ("${C:-a:-b}", "a:-b"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${INNER}", "${A}"),
        (r"^https://x[0-9]{2}$", r"^https://x[0-9]{2}$"),
    ],
)
def test_substitution(text: str, result: str) -> None:
    assert substitute(text, ENVIRON) == result


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("${C}", "The environment has no C."),
        ("${}", "${} is not a reference to the environment."),
        ("${a b}", "${a b} is not a reference to the environment."),
        ("${A", "${A is not a reference to the environment."),
        ("${1A}", "${1A} is not a reference to the environment."),
        ("${A-x}", "${A-x} is not a reference to the environment."),
        ("${A:?x}", "${A:?x} is not a reference to the environment."),
    ],
)
def test_bad_references(text: str, what: str) -> None:
    with pytest.raises(BadReference) as refused:
        substitute(text, ENVIRON)
    assert refused.value.what == what


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(deadline=None)
@given(ANY_TEXT, st.dictionaries(NAMES, ANY_TEXT, max_size=3))
def test_text_escaped_comes_back(text: str, environ: dict[str, str]) -> None:
    """Every text can be written, whatever the environment holds."""
    assert substitute(text.replace("${", "$${"), environ) == text


@settings(deadline=None)
@given(NAMES, ANY_TEXT)
def test_what_a_variable_holds_is_not_searched_again(name: str, value: str) -> None:
    assert substitute(f"<${{{name}}}>", {name: value}) == f"<{value}>"


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text_is_substituted_or_refused(text: str) -> None:
    with contextlib.suppress(BadReference):
        assert isinstance(substitute(text, {}), str)
