"""What is said where the called server is the backend, or the admin address, of a configuration at hand."""

from pathlib import Path

import pytest

from corsproxy.bridges.probe.around import around
from corsproxy.config.load import load

BACKEND = "c.yaml has this server as its upstream: it is the backend, and the page goes around the proxy. "
ADMIN = "c.yaml has this address as its admin.listen, which no page may read. "
PLAIN = "upstream: http://127.0.0.1:5000\n"


@pytest.mark.parametrize(
    ("url", "keys", "expected"),
    [
        ("http://127.0.0.1:5000/api/1?q=2", PLAIN, f"{BACKEND}Call the proxy: http://127.0.0.1:8080/api/1"),
        ("http://localhost:5000/", PLAIN, f"{BACKEND}Call the proxy: http://localhost:8080/"),
        ("http://[::1]:5000/", PLAIN, f"{BACKEND}Call the proxy: http://[::1]:8080/"),
        ("http://127.0.0.1:8080/", PLAIN, ""),
        ("http://127.0.0.1:5001/", PLAIN, ""),
        ("https://127.0.0.1:5000/", PLAIN, ""),
        ("http://api.example.com:5000/", PLAIN, ""),
        ("http://127.0.0.1:9901/status", PLAIN, f"{ADMIN}Call the proxy: http://127.0.0.1:8080/"),
        ("http://127.0.0.1:9901/status", f"{PLAIN}admin: {{listen: off}}\n", ""),
        (
            "http://localhost:9902/",
            f"{PLAIN}admin: {{listen: 0.0.0.0:9902}}\n",
            f"{ADMIN}Call the proxy: http://localhost:8080/",
        ),
        (
            "http://localhost:5000/a",
            f"{PLAIN}listen: 127.0.0.1:81\n",
            f"{BACKEND}Call the proxy: http://localhost:81/a",
        ),
        (
            "http://app:5000/a",
            "upstream: http://app:5000\nlisten: 10.0.0.7:8080\n",
            f"{BACKEND}Call the proxy: http://10.0.0.7:8080/a",
        ),
        ("http://db:5000/a", "upstream: http://app:5000\n", ""),
        ("http://app/a", "upstream: http://app\n", f"{BACKEND}Call the proxy: http://app:8080/a"),
        ("https://app/a", "upstream: https://app\n", f"{BACKEND}Call the proxy: http://app:8080/a"),
        ("http://app:443/a", "upstream: https://app\n", ""),
        (
            "http://app/a",
            "upstream: http://app\nlisten: unix:/run/c.sock\n",
            f"{BACKEND}Call the proxy, which listens on unix:/run/c.sock.",
        ),
        ("http://localhost/a", "upstream: unix:/run/app.sock\n", ""),
    ],
)
def test_what_to_call_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, keys: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(f"{keys}rules:\n  - {{path: /**, allow_origins: [https://app.example.com]}}\n")
    assert around(url, load(Path("c.yaml"), {})) == expected
