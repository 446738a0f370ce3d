"""docs/tracing.md names every attribute of a span and no other, variables that exist, and YAML that loads."""

import inspect
import re
from pathlib import Path

import opentelemetry.environment_variables
import opentelemetry.sdk.environment_variables

from corsproxy.config.load import load
from corsproxy.observe import otel, spans
from tests.processes import ROOT

PAGE = (ROOT / "docs/tracing.md").read_text()
ATTRIBUTE = re.compile(r"(?:http|url|server|client|network|error|corsproxy)\.[a-z_.]+")


def test_every_attribute_has_its_row() -> None:
    rows = re.findall(r"^\| (`(?:http|corsproxy)\..*?) \| ", PAGE, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)}
    written = set(re.findall(rf'"({ATTRIBUTE.pattern})"', inspect.getsource(spans)))
    assert documented == written - {"corsproxy.tunnel_opened"}  # which is an event
    assert "an event `corsproxy.tunnel_opened`" in PAGE


def test_every_variable_exists() -> None:
    known = {*vars(opentelemetry.sdk.environment_variables), *vars(opentelemetry.environment_variables)}
    named = set(re.findall(r"\bOTEL_[A-Z_]+[A-Z]", PAGE))
    # Families that are written with a star.
    families = {name for name in named if f"{name}_*" in PAGE}
    assert families == {"OTEL_BSP", "OTEL_SPAN"}
    assert named - families <= known
    assert all(any(name.startswith(family) for name in known) for family in families)
    assert set(re.findall(r'"(OTEL_[A-Z_]+)"', inspect.getsource(otel))) <= named | known


def test_the_example_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "corsproxy.yaml").write_text(text)
    settings = load(tmp_path / "corsproxy.yaml", {})
    assert (settings.tracing, settings.warnings) == ("otel", ())
    assert "traceparent" in settings.rules[0].allow_headers
