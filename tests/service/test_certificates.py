"""A certificate that is renewed under the running program: shown from the next handshake on, by every worker."""

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.proxy.certificates import Certificates
from tests.service.program import Scene, replace_text

WORKERS = pytest.mark.parametrize("workers", [1, 2])


def issued(folder: Path) -> Certificates:
    """Make an authority and a pair of its own for a.example."""
    folder.mkdir()
    made = Certificates.make(folder)
    made.server_files("a.example")
    return made


async def answers(scene: Scene, trusted: Certificates) -> set[str]:
    """Ask often enough to meet every worker: what came of it for a client that trusts this authority alone."""
    met = set()
    for _ in range(12):
        try:
            reader, writer = await asyncio.open_connection(
                scene.public.host, scene.public.port, ssl=trusted.client(), server_hostname="a.example"
            )
        except ssl.SSLCertVerificationError:
            met.add("unknown")
            continue
        writer.write(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        met.add((await reader.read())[-3:].decode())
        writer.close()
    return met


@WORKERS
async def test_a_renewed_pair_is_shown_by_all_and_half_of_one_by_nobody(
    scene: Scene, tmp_path: Path, workers: int
) -> None:
    old, new = issued(tmp_path / "old"), issued(tmp_path / "new")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def write(target: Path, made: Certificates) -> None:
        replace_text(target, (made.folder / f"a.example{target.suffix}").read_text())

    write(certificate, old)
    write(key, old)
    more = f"workers: {workers}\ntls: {{certificate: {certificate}, key: {key}}}\n"
    async with scene.serving(more) as program:
        assert await answers(scene, old) == {"yes"}
        write(certificate, new)
        await program.says("^configuration refused for 1 problem; the running one stays$")
        assert await answers(scene, old) == {"yes"}
        write(key, new)
        await program.says("^configuration reloaded$")
        assert await answers(scene, new) == {"yes"}
        assert await answers(scene, old) == {"unknown"}
