"""Certificates and keys are looked at when the configuration is loaded."""

from pathlib import Path

import pytest
import trustme

from corsproxy.config.load import load
from corsproxy.config.problem import Code, ConfigError, Problem
from corsproxy.config.settings import Endpoint, ServerTls, Upstream, UpstreamTls

RULES = "rules:\n  - path: /**\n    allow_origins: []\n"
FIX = "give PEM files: the certificate with its chain, and the key that belongs to it, without a password"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in ("one", "two"):
        issued = authority.issue_cert(f"{name}.example")
        issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))
    (folder / "text.pem").write_text("no certificate\n")
    return folder


def refusal(folder: Path, text: str) -> Problem:
    (folder / "c.yaml").write_text(text + RULES)
    with pytest.raises(ConfigError) as refused:
        load(folder / "c.yaml", {})
    (problem,) = refused.value.problems
    return problem


def test_paths_start_from_the_folder_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "c.yaml").write_text(
        "tls: {certificate: one.crt, key: ../" + folder.name + "/one.key}\n"
        "upstream: {url: 'https://127.0.0.1:5001', tls: {ca: ca.pem, server_name: api.internal}}\n" + RULES
    )
    monkeypatch.chdir(folder.parent)
    settings = load(Path(folder.name) / "c.yaml", {})
    assert settings.tls == ServerTls(str(folder / "one.crt"), str(folder / "one.key"))
    assert settings.upstream == Upstream(
        endpoint=Endpoint("127.0.0.1", 5001),
        authority="127.0.0.1:5001",
        tls=UpstreamTls(ca=str(folder / "ca.pem"), server_name="api.internal"),
    )


@pytest.mark.parametrize(
    ("certificate", "key"), [("one.crt", "two.key"), ("text.pem", "one.key"), ("one.crt", "text.pem")]
)
def test_a_pair_that_cannot_serve(certificate: str, key: str, folder: Path) -> None:
    problem = refusal(
        folder, f"upstream: http://127.0.0.1:5000\ntls: {{certificate: {certificate}, key: {key}}}\n"
    )
    assert (problem.line, problem.path, problem.fix, problem.code) == (2, "tls", FIX, Code.TLS_FILE)
    assert problem.what.startswith("OpenSSL does not take this: ")
    assert "ssl.c" not in problem.what


def test_authorities_that_are_none(folder: Path) -> None:
    problem = refusal(folder, "upstream: {url: 'https://127.0.0.1:5001', tls: {ca: text.pem}}\n")
    assert (problem.path, problem.fix, problem.code) == ("upstream.tls.ca", FIX, Code.TLS_FILE)


def test_tls_of_a_backend_without(folder: Path) -> None:
    problem = refusal(folder, "upstream: {url: 'http://127.0.0.1:5001', tls: {verify: true}}\n")
    assert (problem.path, problem.code) == ("upstream.tls", Code.CONFLICT)


def test_tls_on_sockets_only(folder: Path) -> None:
    problem = refusal(
        folder,
        "upstream: http://127.0.0.1:5001\nlisten: unix:/run/c.sock\ntls: {certificate: one.crt, key: one.key}\n",
    )
    assert (problem.path, problem.code) == ("tls", Code.CONFLICT)
