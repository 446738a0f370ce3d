"""docs/operations.md: its tables say what a real scrape and the alert rules say; nothing is missing, nothing is made up."""

import re

import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.monitoring.stand import Proxy
from tests.monitoring.test_alerts import ALERTS
from tests.processes import ROOT

PAGE = (ROOT / "docs/operations.md").read_text()
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
IMPLIED = {"le"}  # which every histogram has


def test_every_metric_is_listed_with_its_labels_and_what_it_says_of_itself(proxy: Proxy) -> None:
    scraped = {}
    for family in read_text(proxy.scrape()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - IMPLIED
        if name.startswith("corsproxy_"):
            scraped[name] = (labels, family.documentation)
    rows = re.findall(r"^\| `(corsproxy_\w+)` \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name: (set(re.findall(r"`(\w+)`", labels)), text) for name, labels, text in rows} == scraped


def test_both_formats_have_the_same_families(proxy: Proxy) -> None:
    text = {family.name for family in read_text(proxy.scrape())}
    families = read_openmetrics(proxy.scrape(OPENMETRICS))  # type: ignore[no-untyped-call]
    assert {family.name for family in families} == text


def test_everything_that_is_counted_was_counted(proxy: Proxy) -> None:
    """The stand leaves no label without a value, so that no query of a panel is empty for want of traffic."""
    for family in read_text(proxy.scrape()):
        if family.type == "counter" and family.name.startswith("corsproxy_"):
            assert family.samples, family.name


def test_every_alert_is_listed() -> None:
    rows = re.findall(r"^\| `(Corsproxy\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(name, rule["labels"]["severity"]) for name, rule in ALERTS.items()]


def test_the_example_is_the_shipped_one() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shipped = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
    assert yaml.safe_load(block)["scrape_configs"] == shipped["scrape_configs"]


def test_links_lead_somewhere() -> None:
    files = re.findall(r"\]\(((?!http|#)[^)]+)\)", PAGE)
    assert [file for file in files if not (ROOT / "docs" / file).exists()] == []
