"""What a seed draws before anything happens: bounds, timeouts, moods, and how often each kind of event comes.

Laws: each seed leaves most troubles out and has plenty of a few: all at once hide one another. Constants that
bound a turn or a buffer are scaled down with the messages, so that small ones meet them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from random import Random
from types import SimpleNamespace
from unittest.mock import patch

from corsproxy.config.settings import Endpoint, Limits, Settings, Source, Timeouts, Upstream
from corsproxy.http1 import framing
from corsproxy.proxy import downstream, engine, exchange, kept, upstream
from tests.proxy.wire import RULE
from tests.simulation.answers import Moods
from tests.simulation.requests import Request, draw_requests

__all__ = ["KEPT", "PIPELINE", "Scene", "draw_scene", "scaled_down"]

PIPELINE = 300
KEPT = 200
_RULES = (replace(RULE, name="block", paths=("/block/**",), block=True), RULE)


@dataclass(frozen=True)
class Scene:
    """A seed's world."""

    settings: Settings
    moods: Moods
    names: tuple[str, ...]
    weights: tuple[float, ...]
    steps: int
    most_clients: int
    haste: float  # how often an event follows before all is done that follows from the last
    refuses: float
    upgrades: float
    own: float
    pipelines: float
    longest_body: int
    is_lazy: bool
    ending: str

    def draw_requests(self, random: Random, client: bytes) -> list[Request]:
        return draw_requests(
            random,
            client,
            upgrades=self.upgrades,
            own=self.own,
            pipelines=self.pipelines,
            longest_body=self.longest_body,
        )

    def other_settings(self, random: Random, settings: Settings) -> Settings:
        """Draw settings to reload: sometimes with another pool."""
        if random.random() < 0.5:
            return replace(settings, upstream=_upstream(random))
        if random.random() < 0.5:
            return replace(settings, timeouts=_timeouts(random))
        return replace(settings, trusted_proxies=())


def _sometimes(random: Random, most: float, often: float = 0.4) -> float:
    return random.uniform(0.0, most) if random.random() < often else 0.0


def _upstream(random: Random) -> Upstream:
    return Upstream(
        endpoint=Endpoint("127.0.0.1", 1),
        authority="b.example:8000",
        max_connections=random.randint(1, 4),
        max_queue=random.randint(0, 5),
        idle_timeout=random.choice((2.0, 4.0)),
    )


def _timeouts(random: Random) -> Timeouts:
    return Timeouts(
        client_header=random.choice((4.0, 8.0)),
        client_body=random.choice((4.0, 9.0, 20.0)),
        client_idle=random.choice((5.0, 15.0)),
        connect=random.choice((2.0, 5.0)),
        upstream_response=random.choice((4.0, 10.0, 20.0)),
        upstream_idle_body=random.choice((4.0, 10.0, 20.0)),
        tunnel_idle=random.choice((8.0, 30.0)),
        drain=random.choice((5.0, 20.0)),
    )


def draw_scene(random: Random) -> Scene:
    """Draw everything that is fixed for one seed."""
    longest_body = random.choice((30, 200, 200, 200, 1000, 1000, 6000))
    moods = Moods(
        dies=_sometimes(random, 0.4),
        stray=_sometimes(random, 0.3),
        garbage=_sometimes(random, 0.3),
        early=_sometimes(random, 0.6),
        closes=_sometimes(random, 0.5),
        silent=_sometimes(random, 0.3),
        upgrades=0.8,
        longest_body=longest_body,
        longest_piece=random.choice((100, 400, 1 << 20)),
    )
    weights = {
        "connects": random.uniform(0.3, 3.0),
        "client sends": random.uniform(2.0, 10.0),
        "client takes": random.uniform(2.0, 10.0),
        "client ends": _sometimes(random, 1.0),
        "client leaves": _sometimes(random, 1.5),
        "client turns": _sometimes(random, 1.5),
        "backend takes": random.uniform(2.0, 10.0),
        "backend says": random.uniform(2.0, 10.0),
        "backend leaves": _sometimes(random, 1.5),
        "delivered": random.uniform(6.0, 20.0),
        "flushed": random.uniform(1.0, 6.0),
        "dialled": random.uniform(1.0, 5.0),
        "time": random.choice((0.0, 0.1, 0.3, 1.0)),
        "adopts": _sometimes(random, 0.5),
        "drains": _sometimes(random, 0.05, 0.2),
    }
    settings = Settings(
        source=Source("corsproxy.yaml", "0" * 64),
        upstream=_upstream(random),
        rules=_RULES,
        timeouts=_timeouts(random),
        limits=Limits(
            header_bytes=2000,
            header_count=30,
            body_bytes=random.choice((0, 0, 0, 150)),
            connections=100,
        ),
    )
    return Scene(
        settings=settings,
        moods=moods,
        names=tuple(weights),
        weights=tuple(weights.values()),
        steps=random.choice((200, 500, 500, 1500)),
        most_clients=random.choice((2, 4, 8, 16)),
        haste=random.choice((0.0, 0.3, 0.8)),
        refuses=_sometimes(random, 0.3),
        upgrades=_sometimes(random, 0.5),
        own=_sometimes(random, 0.5),
        pipelines=random.choice((0.0, 0.5, 1.0)),
        longest_body=longest_body,
        is_lazy=random.random() < 0.5,
        ending=random.choice(("well", "well", "silence", "alone", "drain")),
    )


@contextmanager
def scaled_down() -> Iterator[None]:
    """Make bounds small that are made for megabytes."""
    with ExitStack() as stack:
        for module, name, value in (
            (downstream, "_PIPELINE_LIMIT", PIPELINE),
            (downstream, "_LINGER_BYTES", 400),
            (downstream, "_HEADS_A_TURN", 2),
            (downstream, "BULK", 90),
            (upstream, "BULK", 90),
            (framing, "_LINES_AT_ONCE", 5),
            (kept, "MOST", KEPT),
            # What would differ from run to run.
            (engine, "formatdate", lambda **_: "Sun, 06 Nov 1994 08:49:37 GMT"),
            (exchange, "secrets", SimpleNamespace(token_hex=lambda size: "0" * 2 * size)),
        ):
            stack.enter_context(patch.object(module, name, value))
        yield
