"""Every YAML and every command in the README is run; what is written there and not tried fails.

Laws: a YAML block is a whole configuration and must load, its tests included. A command is either run
as it stands, or has an entry in TRIED_ELSEWHERE that names the test which runs it for real.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from corsproxy.config.load import load
from corsproxy.config.settings import Settings
from corsproxy.cors.vocabulary import Reason
from tests.processes import ROOT, Process, Processes, free_port

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
YAML = [text for language, text in BLOCKS if language == "yaml"]
COMMANDS = [
    re.sub(r"\s+# .*", "", line)
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    if line and not line.startswith("#")
]

TRIED_ELSEWHERE = {
    "make run": "tests/demo and tests/cli/test_demo.py run `corsproxy demo`, which is all that it does",
    "make test": "this is what runs this test",
    "pip install .": "tests/packaging installs the built wheel",
    "pip install '.[demo]'": "tests/packaging installs the built wheel",
    "docker build -t corsproxy .": "tests/packaging lints the Dockerfile; images need an engine",
    'docker run --read-only -p 8080:8080 -v "$PWD/config:/etc/corsproxy:ro" corsproxy': "as docker build",
    "corsproxy demo": "tests/cli/test_demo.py",
}
RUN_TO_THE_END = {
    "corsproxy --version": "corsproxy",
    "corsproxy run --help": "Usage:",
    "corsproxy check corsproxy.yaml": "2",
    "corsproxy check --format json config/corsproxy.yaml": "{",
    "corsproxy schema": "$schema",
    "corsproxy probe --help": "Usage:",
    "corsproxy import flask --help": "Usage:",
    "corsproxy explain --origin http://localhost:3000 --method PUT --path /api/items/1 --header Authorization "
    "--credentials": "allowed: origin_allowed",
}
# What `corsproxy explain -c` says of the example's file, by how it is asked; each is denied.
EXPLAINED = {
    "--origin https://evil.example": "denied: origin_not_allowed",
    "--console": "denied: origin_not_allowed",
    "--curl": "allow_methods: [GET, POST, PUT, DELETE, PATCH]",
    "--har recorded.har": "denied: header_not_allowed",
}
HAR = """{"log": {"entries": [{"request": {"method": "GET", "url": "http://127.0.0.1:8080/api", "headers": [
    {"name": "Origin", "value": "https://app.example.com"}, {"name": "X-Trace", "value": "1"}]},
    "response": {"status": 0, "headers": []}}]}}"""


def in_readme(text: str, tmp_path: Path) -> Settings:
    file = tmp_path / "corsproxy.yaml"
    file.write_text(text)
    return load(file, {})


@pytest.mark.parametrize("text", YAML, ids=range(len(YAML)))
def test_every_yaml_loads(text: str, tmp_path: Path) -> None:
    settings = in_readme(text, tmp_path)
    assert settings.rules
    assert settings.warnings == ()


def test_every_command_is_tried() -> None:
    served = {c for c in COMMANDS if c.startswith(("curl ", "corsproxy run -", "corsproxy run --upstream"))}
    explained = {c for c in COMMANDS if c.startswith("corsproxy explain -c")}
    asked = {c for c in COMMANDS if c.startswith(("corsproxy probe http", "corsproxy import flask ."))}
    assert set(COMMANDS) - served - explained - asked - set(TRIED_ELSEWHERE) - set(RUN_TO_THE_END) == set()
    assert (set(TRIED_ELSEWHERE) | set(RUN_TO_THE_END)) - set(COMMANDS) == set()


@pytest.mark.parametrize(("command", "said"), RUN_TO_THE_END.items())
def test_commands_that_end(command: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "corsproxy.yaml").write_text(YAML[0])
    (tmp_path / "config").symlink_to(ROOT / "config")
    argv = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_explanations(tmp_path: Path) -> None:
    (tmp_path / "corsproxy.yaml").write_text(YAML[0])
    (tmp_path / "recorded.har").write_text(HAR)
    said = {}
    for command in (c for c in COMMANDS if c.startswith("corsproxy explain -c")):
        argv = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=200)
        asked = next(words for words in EXPLAINED if words in command)
        assert (done.returncode, done.stderr) == (1, ""), command
        said[asked] = EXPLAINED[asked] if EXPLAINED[asked] in done.stdout else done.stdout
    assert said == EXPLAINED


def served_at(command: str, ports: dict[str, int]) -> str:
    """Return a command of the README with its ports exchanged for free ones."""
    return re.sub(r"\b(?:8080|9901|5000)\b", lambda match: str(ports[match[0]]), command)


def backend(running: Processes, port: int, folder: Path) -> Process:
    (folder / "api" / "users").mkdir(parents=True)
    (folder / "api" / "users" / "1").write_text("Ada\n")
    return running.python(
        "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", folder, ports=[port]
    )


# What `corsproxy probe` says of the tour's proxy, by how it is asked; the page can read both.
PROBED = {"users/1 --origin https://app.example.com": "200", "--method PUT": "PUT"}
IMPORTED = """
from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
CORS(app, resources={r"/api/*": {"origins": ["https://app.example.com"]}}, supports_credentials=True)
"""

# What each curl line of the tour must show, in the words of a raw answer.
SHOWN = {
    "-X OPTIONS": ["HTTP/1.1 204", "Access-Control-Allow-Methods: GET, POST, PUT, DELETE"],
    "-H 'Origin: https://app.example.com'": [
        "HTTP/1.1 200",
        "Access-Control-Allow-Origin: https://app.example.com",
        "Ada",
    ],
    "-H 'Origin: https://evil.example'": ["HTTP/1.1 200", "Vary: Origin", "Ada"],
    "/status": ['"version"'],
    "/decisions": ['"refusals"', "https://evil.example", "origin_not_allowed"],
    "/metrics": ["corsproxy_decisions_total{"],
}


def test_the_tour(running: Processes, tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("8080", "9901", "5000")}
    backend(running, ports["5000"], tmp_path / "www")
    text = YAML[0].replace(":5000", f":{ports['5000']}")
    more = f"listen: 127.0.0.1:{ports['8080']}\nadmin: {{listen: '127.0.0.1:{ports['9901']}'}}\n"
    (tmp_path / "corsproxy.yaml").write_text(text + more)
    assert "corsproxy run -c corsproxy.yaml" in COMMANDS
    proxy = running.python(
        "-m", "corsproxy", "run", "-c", "corsproxy.yaml", ports=[ports["8080"], ports["9901"]]
    )
    shown = {}
    for command in (c for c in COMMANDS if c.startswith("curl ")):
        argv = shlex.split(served_at(command, ports))
        out = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=200).stdout
        about = next(words for words in SHOWN if words in command)
        shown[about] = out
        assert [word for word in SHOWN[about] if word not in out] == [], out
    assert set(shown) == set(SHOWN)
    assert "access-control" not in shown["-H 'Origin: https://evil.example'"].lower()
    refusal = proxy.wait_for_text("origin_not_allowed")
    assert "corsproxy.yaml:3" in refusal
    probes = [c for c in COMMANDS if c.startswith("corsproxy probe http")]
    assert len(probes) == len(PROBED)
    for command in probes:
        argv = [sys.executable, "-m", *shlex.split(served_at(command, ports))]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=200)
        said = next(PROBED[words] for words in reversed(PROBED) if words in command)
        assert (done.returncode, said in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_import(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(IMPORTED)
    command = next(c for c in COMMANDS if c.startswith("corsproxy import flask ."))
    argv = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=200)
    assert done.returncode in {0, 1}, done.stderr
    (rule,) = load(tmp_path / "corsproxy.yaml", {}).rules
    assert (rule.origins.exact, rule.allow_credentials) == (("https://app.example.com",), True)
    assert "app.py:6" in (tmp_path / "corsproxy.yaml").read_text()


async def test_the_first_try_without_a_file(running: Processes, tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("8080", "9901", "5000")}
    backend(running, ports["5000"], tmp_path / "www")
    command = next(c for c in COMMANDS if c.startswith("corsproxy run --upstream"))
    # The one thing added is where to listen: 8080 may be taken on the machine that runs the tests.
    argv = [*shlex.split(served_at(command, ports)), "--listen", f"127.0.0.1:{ports['8080']}"]
    running.python("-m", *argv, ports=[ports["8080"]])
    origin = {"Origin": "http://localhost:3000"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{ports['8080']}/api/users/1", headers=origin) as response,
    ):
        assert (response.status, await response.text()) == (200, "Ada\n")
        assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert response.headers["Access-Control-Allow-Credentials"] == "true"


def test_every_reason_is_listed() -> None:
    listed = README[README.index("The reasons, the same everywhere") :].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == {reason.value for reason in Reason}


def test_links_lead_somewhere() -> None:
    files = re.findall(r"\]\(((?!http|#)[^)#]+)\)", README)
    assert [file for file in files if not (ROOT / file).exists()] == []
    anchors = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) - anchors == set()


def test_the_reference_names_every_key() -> None:
    """What is configurable is in the README: the schema's every property is a word of it."""
    schema = yaml.safe_load((ROOT / "config" / "corsproxy.schema.json").read_text())
    models = [schema, *schema["$defs"].values()]
    keys = {
        key for model in models for key in model.get("properties", {}) if not key.startswith("dangerously_")
    }
    assert {key for key in keys if not re.search(rf"\b{re.escape(key)}\b", README)} == set()
