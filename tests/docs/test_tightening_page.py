"""docs/tightening.md: the recipe is walked, from report mode to the enforced file, with the program itself."""

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.processes import ROOT, Processes, free_port

PAGE = (ROOT / "docs/tightening.md").read_text()
REPORT, LIVE, NEXT = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
APP, OLD = "https://app.example.com", "https://old.example.com"


class Walk:
    """The folder of the recipe, with its ports exchanged for free ones."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder = folder
        self._processes = processes
        self.ports = {name: free_port() for name in ("8080", "9901", "5000")}
        (folder / "api").mkdir()
        (folder / "api" / "users").write_text("Ada\n")

    def exchanged(self, text: str) -> str:
        return re.sub(r"\b(?:8080|9901|5000)\b", lambda found: str(self.ports[found[0]]), text)

    def write(self, name: str, text: str) -> None:
        more = "listen: 127.0.0.1:8080\nadmin: {listen: '127.0.0.1:9901'}\nlog: {access: all}\n"
        (self.folder / name).write_text(self.exchanged(text + more))

    def command(self, line: str) -> list[str]:
        assert line in COMMANDS
        words = shlex.split(self.exchanged(line))
        return [sys.executable, "-m", *words] if words[0] == "corsproxy" else words

    def run(self, line: str) -> tuple[int, str]:
        done = subprocess.run(
            self.command(line), cwd=self.folder, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def serve(self) -> Callable[[str], str]:
        self._processes.python(
            "-m",
            "http.server",
            str(self.ports["5000"]),
            "--bind",
            "127.0.0.1",
            ports=[self.ports["5000"]],
        )
        proxy = self._processes.start(
            *self.command("corsproxy run -c corsproxy.yaml"),
            ports=[self.ports["8080"], self.ports["9901"]],
            cwd=self.folder,
        )
        return proxy.wait_for_text

    def ask(self, origin: str) -> str | None:
        request = urllib.request.Request(
            self.exchanged("http://127.0.0.1:8080/api/users"), headers={"Origin": origin}
        )
        with urllib.request.urlopen(request, timeout=200) as response:
            allowed: str | None = response.headers["Access-Control-Allow-Origin"]
            return allowed

    def admin(self, path: str) -> str:
        with urllib.request.urlopen(self.exchanged(f"http://127.0.0.1:9901{path}"), timeout=200) as response:
            text: str = response.read().decode()
            return text

    def decisions(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.admin("/decisions"))
        return document


@pytest.fixture
def walk(tmp_path: Path, running: Processes) -> Walk:
    return Walk(tmp_path, running)


def test_the_recipe(walk: Walk) -> None:
    walk.write("corsproxy.yaml", REPORT)
    assert walk.run("corsproxy check corsproxy.yaml")[0] == 0
    says = walk.serve()
    assert [walk.ask(OLD), walk.ask(APP)] == [None, None]
    (refused,) = walk.decisions()["refusals"]
    assert (refused["origin"], refused["reason"], refused["report"]) == (OLD, "origin_not_allowed", True)

    walk.write("next.yaml", NEXT)
    walk.write("corsproxy.yaml", LIVE)
    says("a candidate is compared with the live policy")
    assert [walk.ask(OLD), walk.ask(APP)] == [OLD, APP]
    candidate = walk.decisions()["candidate"]
    assert (candidate["compared"], candidate["differs"], candidate["differs_in"]) == (2, 1, [])
    (difference,) = candidate["differences"]
    assert (difference["origin"], difference["change"]) == (OLD, "newly_refused")
    families = {family.name: family for family in read_text(walk.admin("/metrics"))}
    rows = re.findall(r"^\| `(corsproxy_\w+?)(?:_total)?` \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    for name, labels, text in rows:
        family = families.pop(name)
        assert family.documentation == text
        assert {label for sample in family.samples for label in sample.labels} == set(
            re.findall(r"`(\w+)`", labels)
        )
    assert [name for name in families if "candidate" in name] == []

    status, report = walk.run("corsproxy check next.yaml --against http://127.0.0.1:9901")
    assert status == 1
    assert "Newly refused: 1 request\n" in report
    (shown,) = re.findall(r"^ +20  https\S+  GET [^\n]*\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert shown in report

    assert walk.run("cp next.yaml corsproxy.yaml") == (0, "")
    says('"generation":3')
    assert [walk.ask(OLD), walk.ask(APP)] == [None, APP]
    assert walk.run("corsproxy check next.yaml --against http://127.0.0.1:9901")[0] == 0
    told = walk.decisions()
    assert [(entry["origin"], entry["generation"]) for entry in told["refusals"]] == [(OLD, 3), (OLD, 1)]


def test_every_command_is_walked() -> None:
    assert COMMANDS == [
        "corsproxy check corsproxy.yaml",
        "corsproxy run -c corsproxy.yaml",
        "corsproxy check next.yaml --against http://127.0.0.1:9901",
        "cp next.yaml corsproxy.yaml",
    ]
