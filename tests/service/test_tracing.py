"""Tracing by real processes: what reaches a collector and when, one that is not there, and nothing where it is off."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.observe.collector import Collector, Exported
from tests.processes import ROOT, free_port
from tests.service.backend import get
from tests.service.program import Program, Scene, launch, replace_text

WORKERS = pytest.mark.parametrize("workers", [1, 2])
ORIGIN = "https://app.example.com"
NEVER = "3600000"  # milliseconds: whatever is exported, it is not because of its time
# Read by every interpreter when it starts: tells, when it ends, what it has imported.
TELLING = """
import atexit, json, os, pathlib, sys
def tell():
    text = json.dumps([sys.argv[0], sorted(sys.modules)])
    pathlib.Path({folder!r}, f"{{os.getpid()}}.json").write_text(text)
atexit.register(tell)
"""
BLOCKING = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == "opentelemetry.sdk.trace":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
"""


@asynccontextmanager
async def serving(
    scene: Scene, more: str, environ: Mapping[str, str], *, tracing: str = "otel"
) -> AsyncIterator[Program]:
    """Serve the scene with these variables, and none of the SDK's from outside."""
    scene.path.write_text(scene.text(f"tracing: {tracing}\n{more}"))
    clean = {name: "" for name in os.environ if name.startswith("OTEL_")}
    async with launch("-c", scene.path, admin=scene.admin, environ={**clean, **environ}) as program:
        await program.says("^serving ")
        yield program


def summary(span: Exported) -> tuple[object, ...]:
    keys = ("corsproxy.decision.reason", "http.response.status_code")
    return (span.name, span.resource["service.name"], *(span.attributes[key] for key in keys))


@WORKERS
async def test_a_drain_exports_what_is_left(scene: Scene, workers: int) -> None:
    """Also the span of a request that was in flight when it was told to end."""
    with Collector() as collector:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": NEVER}
        async with serving(scene, f"workers: {workers}\n", environ) as program:
            held = asyncio.create_task(get(scene.public, "/hold", ORIGIN))
            await scene.backend.held.wait()
            await get(scene.public, "/", "https://evil.example")
            assert collector.requests == 0
            program.signal(signal.SIGTERM)
            await program.says("^draining$")
            scene.backend.release.set()
            await held
            assert await program.ended() == (0, "")
        assert sorted(map(summary, collector.spans)) == [
            ("GET rule-1", "corsproxy", "origin_allowed", 200),
            ("GET rule-1", "corsproxy", "origin_not_allowed", 200),
        ]


async def test_every_worker_is_an_instance_of_its_own(scene: Scene) -> None:
    with Collector() as collector:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
        async with serving(scene, "workers: 2\n", environ):
            # Which worker gets a connection is the kernel's choice; that one never gets any is not.
            while len({span.resource["service.instance.id"] for span in collector.spans}) < 2:
                seen = len(collector.spans)
                await asyncio.gather(*(get(scene.public) for _ in range(20)))
                await asyncio.to_thread(collector.wait, lambda: len(collector.spans) >= seen + 20)  # noqa: B023
        assert {span.resource["service.name"] for span in collector.spans} == {"corsproxy"}


@WORKERS
async def test_a_collector_that_is_away_harms_nobody(scene: Scene, workers: int) -> None:
    """Requests are served, the log says so in one line a worker, and a second signal waits for nothing."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_BSP_SCHEDULE_DELAY": "1",
        "OTEL_BSP_MAX_QUEUE_SIZE": "10",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1",
    }
    async with serving(scene, f"workers: {workers}\n", environ) as program:
        for _ in range(50):
            assert (await get(scene.public)).endswith(b"\r\n\r\nyes")
        line = await program.says("^tracing: ")
        assert line["level"] == "warning"
        assert line["logger"].startswith("opentelemetry.")
        program.signal(signal.SIGTERM)
        await program.says("^draining$")
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")
        said = [line["message"] for line in program.lines]
        assert said[-1] == "stopped"
        lost = "tracing: the last spans could not be exported in time and are lost"
        assert 1 <= said.count(lost) <= workers
        kinds = [
            re.sub(r"[0-9.]+", "N", text) for text in said if text.startswith("tracing: ") and text != lost
        ]
        assert all(kinds.count(kind) <= workers for kind in kinds), kinds


async def test_the_sdk_can_be_disabled(scene: Scene) -> None:
    with Collector() as collector:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SDK_DISABLED": "True"}
        async with serving(scene, "", environ) as program:
            assert program.lines[0]["message"] == "tracing is off: OTEL_SDK_DISABLED is true"
            await get(scene.public)
            program.signal(signal.SIGTERM)
            assert await program.ended() == (0, "")
        assert collector.requests == 0


async def test_turning_it_on_needs_a_restart(scene: Scene) -> None:
    async with serving(scene, "", {}, tracing="off") as program:
        replace_text(scene.path, scene.text("tracing: otel\n", origin="new"))
        line = await program.says("^restart corsproxy to change tracing; the rest is adopted$")
        assert (line["level"], line["keys"]) == ("warning", ["tracing"])


REFUSED = {
    "OTEL_EXPORTER_OTLP_PROTOCOL": (
        "grpc",
        (
            'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" needs an exporter that is not installed. '
            "Fix: pip install opentelemetry-exporter-otlp-proto-grpc"
        ),
    ),
    "OTEL_PROPAGATORS": (
        "xray",
        ('OTEL_PROPAGATORS: "xray" is not installed. Fix: pip install opentelemetry-propagator-aws-xray'),
    ),
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": (
        "many",
        (
            "tracing: OpenTelemetry's SDK cannot be loaded: "
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer but got many"
        ),
    ),
}


@pytest.mark.parametrize(("name", "workers"), [*zip(REFUSED, (1, 2, 1), strict=True)])
async def test_what_cannot_be_had_is_refused_at_the_start(scene: Scene, name: str, workers: int) -> None:
    value, said = REFUSED[name]
    scene.path.write_text(scene.text(f"tracing: otel\nworkers: {workers}\n"))
    async with launch("-c", scene.path, admin=scene.admin, environ={name: value}) as program:
        assert await program.ended() == (2, f"corsproxy: {said}\n")
        assert {line["message"] for line in program.lines} <= {"worker ended"}


async def test_an_extra_that_is_broken_is_refused_at_the_start(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKING)
    environ = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    scene.path.write_text(scene.text("tracing: otel\n"))
    async with launch("-c", scene.path, admin=scene.admin, environ=environ) as program:
        why = "tracing: OpenTelemetry's SDK cannot be loaded: No module named 'opentelemetry.sdk.trace'"
        assert await program.ended() == (2, f"corsproxy: {why}\n")


CARRIED = {"opentelemetry", "requests", "urllib3", "google"}


# How many processes serve, whether they trace, and which of them then carry what tracing needs.
@pytest.mark.parametrize(
    ("workers", "tracing", "expected"),
    [
        (1, "off", {"serving": False}),
        (2, "off", {"serving": False, "worker": False}),
        (2, "otel", {"serving": False, "worker": True}),
    ],
)
async def test_who_does_not_trace_does_not_carry_it(
    scene: Scene, tmp_path: Path, workers: int, tracing: str, expected: dict[str, bool]
) -> None:
    """Looked at when the processes end, so that nothing imported late is missed."""
    (tmp_path / "sitecustomize.py").write_text(TELLING.format(folder=str(tmp_path)))
    environ = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "OTEL_TRACES_EXPORTER": "none"}
    async with serving(scene, f"workers: {workers}\n", environ, tracing=tracing) as program:
        await get(scene.public, origin=ORIGIN)
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")
    told = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]  # noqa: ASYNC240 -- all has ended
    kinds = {"__main__.py": "serving", "worker.py": "worker"}
    found = {
        kinds[Path(main).name]: bool(CARRIED & {name.split(".")[0] for name in modules})
        for main, modules in told
        if Path(main).name in kinds
    }
    assert found == expected
