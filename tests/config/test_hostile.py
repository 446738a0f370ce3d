"""Whatever is in the file, Settings or Problems come out: never another exception, never both."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corsproxy.config.load import Loaded, read_settings
from corsproxy.config.problem import Code, ConfigError

GALLERY = sorted((Path(__file__).parent.parent.parent / "config").rglob("*.yaml"))
SAMPLE = (Path(__file__).parent.parent.parent / "config/examples/single-page-app.yaml").read_text()

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["*", "null", "https://x.example", "https://*.com", "/**", "${A}", "10s", "GET", "off", "", "\u212a"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "regex", "set", "url", "tls", "x", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def outcome(file: Path) -> Loaded | ConfigError:
    try:
        return read_settings(file, {})
    except ConfigError as refused:
        found = refused
    assert found.problems
    assert all(problem.what and str(problem) for problem in found.problems)
    return found


def places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, child in children for found in places(child, (*path, key)))]


def replaced(node: Any, path: tuple[str | int, ...], value: object) -> Any:
    if not path:
        return value
    copied = node.copy()
    copied[path[0]] = replaced(node[path[0]], path[1:], value)
    return copied


@quick
@given(data=st.data())
def test_any_value_anywhere(data: st.DataObject, tmp_path: Path) -> None:
    document = yaml.safe_load(data.draw(st.sampled_from(GALLERY)).read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)))
        document = replaced(document, path, data.draw(VALUES))
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8", errors="replace")
    outcome(file)


@quick
@given(
    at=st.integers(0, len(SAMPLE)),
    length=st.integers(0, 10),
    text=st.text("{}[]:-*&!|>'\"%@`#, \t\n\x00é~<?$", max_size=6),
)
def test_any_slip_of_the_hand(at: int, length: int, text: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(SAMPLE[:at] + text + SAMPLE[at + length :])
    outcome(file)


@quick
@given(content=st.binary(max_size=40))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    assert isinstance(outcome(file), ConfigError)


@quick
@given(pattern=st.text(r"ab.\[]()|*+?{}^$-0129,:/dwsAzpbQE<>P=!#", max_size=24))
def test_any_expression(pattern: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    quoted = pattern.replace("'", "''")
    file.write_text(
        f"upstream: http://x\nrules: [{{path: /**, allow_origins: [{{regex: 'https://{quoted}'}}], allow_credentials: true}}]\n"
    )
    outcome(file)


@pytest.mark.parametrize("depth", [10, 100, 10_000, 100_000])
def test_any_depth(depth: int, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("upstream: " + "[" * depth + "]" * depth + "\n")
    assert isinstance(outcome(file), ConfigError)


@pytest.mark.parametrize("links", [23, 24, 500, 5_000])
def test_depth_that_only_aliases_make(links: int, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    chain = "".join(f"a{link}: &a{link} [*a{link - 1}]\n" for link in range(1, links))
    file.write_text(f"a0: &a0 [x]\n{chain}")
    refused = outcome(file)
    assert isinstance(refused, ConfigError)
    assert ("nested more than 24 deep, aliases written out" in str(refused)) is (links >= 24)


def test_aliases_are_counted_and_not_written_out(tmp_path: Path) -> None:
    """Ten to the thirtieth values: who walked them would still be walking."""
    file = tmp_path / "c.yaml"
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 60_000)}]\n" for n in range(1, 8))
    file.write_text(f"a0: &a0 [x]\n{bomb}")
    refused = outcome(file)
    assert isinstance(refused, ConfigError)
    assert [(problem.line, problem.code) for problem in refused.problems] == [(3, Code.YAML_BOUND)]


@pytest.mark.parametrize(
    "pattern",
    ["(" * 200 + "a" + ")" * 200, "(a?){50}" * 20, "((a{2}){2}){2}" * 40, "(a|b)" * 30, "[a-z]{900}"],
)
def test_expressions_that_grow(pattern: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"upstream: http://x\nrules: [{{path: /**, allow_origins: [{{regex: '{pattern}'}}]}}]\n")
    refused = outcome(file)
    assert isinstance(refused, ConfigError)
    assert re.search("not supported yet|RE2|matches no origin", str(refused))
