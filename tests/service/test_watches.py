"""Which files are watched, from when on and until when."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from corsproxy.config.settings import Candidate, Endpoint, ServerTls, Settings, Source, Upstream, UpstreamTls
from corsproxy.service.watches import Watches, named_files

PLAIN = Settings(
    source=Source("live.yaml", "live"),
    upstream=Upstream(endpoint=Endpoint("127.0.0.1", 1), authority="127.0.0.1:1"),
    rules=(),
)
FULL = replace(
    PLAIN,
    candidate=Candidate(source=Source("next.yaml", "next")),
    tls=ServerTls("tls.crt", "tls.key"),
    upstream=replace(PLAIN.upstream, tls=UpstreamTls(ca="ca.pem")),
)


class Looks:
    """Stands in for the watches: which there are, knowing what."""

    def __init__(self) -> None:
        self.at: dict[str, str] = {}

    def make(self, path: Path, known: str, _changed: Callable[[str], object]) -> "Look":
        return Look(self.at, str(path), known)


class Look:
    def __init__(self, at: dict[str, str], path: str, known: str) -> None:
        self._at, self._path, self._known = at, path, known

    def start(self) -> None:
        assert self._path not in self._at
        self._at[self._path] = self._known

    def stop(self) -> None:
        del self._at[self._path]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    monkeypatch.setattr("corsproxy.service.watches.Watch", looks.make)
    monkeypatch.setattr("corsproxy.service.watches.fingerprint", lambda path: f"of {path}")
    return looks


async def test_what_is_named_is_looked_at_and_at_the_end_nothing_is(looks: Looks) -> None:
    watches = Watches(Path("live.yaml"), lambda _: None, lambda: None)
    assert looks.at == {}
    watches.start("live", named_files(FULL))
    pem = {name: f"of {name}" for name in ("tls.crt", "tls.key", "ca.pem")}
    assert looks.at == {"live.yaml": "live", "next.yaml": "next", **pem}
    watches.follow(named_files(PLAIN))
    assert looks.at == {"live.yaml": "live"}
    watches.follow(named_files(FULL))
    watches.stop()
    assert looks.at == {}


async def test_without_a_file_of_its_own_there_is_none_to_look_at(looks: Looks) -> None:
    watches = Watches(None, lambda _: None, lambda: None)
    watches.start("live", named_files(PLAIN))
    assert looks.at == {}
    watches.stop()


async def test_what_changes_after_it_was_noted_has_changed(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair that is renewed while workers are on their way to reading it is not taken for the one they have."""
    watches = Watches(None, lambda _: None, lambda: None)
    named = named_files(FULL)
    monkeypatch.setattr("corsproxy.service.watches.fingerprint", lambda path: f"renewed {path}")
    watches.start("live", named)
    assert looks.at["tls.crt"] == "of tls.crt"
    watches.follow({})
    watches.follow(named)
    assert looks.at["tls.key"] == "of tls.key"
    watches.stop()
