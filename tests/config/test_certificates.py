"""When certificates end: told at load, by the certificate that is shown and by those above it."""

import datetime as dt
from pathlib import Path

import pytest
import trustme

from corsproxy.config.certificates import authority_end, pair_end

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corsproxy.config.certificates.time.time", NOW.timestamp)


def pair(folder: Path, issued: trustme.LeafCert) -> tuple[str, str]:
    (folder / "c.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(folder / "c.key"))
    return str(folder / "c.crt"), str(folder / "c.key")


# From and until when it is valid, and what is said.
LIVES = {
    "long": (NOW - 300 * DAY, NOW + 65 * DAY, ""),
    "two weeks of a year": (NOW - 351 * DAY, NOW + 14 * DAY, ""),
    "less than that": (
        NOW - 355 * DAY,
        NOW + 10 * DAY,
        "The certificate ends soon: at 2026-06-11 00:00:00 UTC.",
    ),
    "a short life, half over": (NOW - DAY / 2, NOW + DAY / 2, ""),
    "a short life, nearly over": (
        NOW - DAY,
        NOW + DAY / 24,
        "The certificate ends soon: at 2026-06-01 01:00:00 UTC.",
    ),
    "over": (
        NOW - 2 * DAY,
        NOW - DAY,
        "The certificate is not valid any more: it ended at 2026-05-31 00:00:00 UTC.",
    ),
    "to come": (
        NOW + DAY,
        NOW + 9 * DAY,
        "The certificate is not valid yet: it begins at 2026-06-02 00:00:00 UTC.",
    ),
}


@pytest.mark.parametrize("key_type", trustme.KeyType)
@pytest.mark.parametrize(("begin", "end", "said"), LIVES.values(), ids=LIVES)
def test_a_pair(
    tmp_path: Path, begin: dt.datetime, end: dt.datetime, said: str, key_type: trustme.KeyType
) -> None:
    issued = trustme.CA().issue_cert("a.example", not_before=begin, not_after=end, key_type=key_type)
    assert pair_end(*pair(tmp_path, issued)) == said


def test_an_intermediate_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = trustme.CA().create_child_ca().issue_cert("a.example", not_after=NOW + 4000 * 365 * DAY)
    assert pair_end(*pair(tmp_path, issued)) == ""
    monkeypatch.setattr(
        "corsproxy.config.certificates.time.time", lambda: NOW.timestamp() + 1000 * 365.25 * 86400
    )
    assert pair_end(*pair(tmp_path, issued)) == (
        "A certificate of the chain is not valid any more: it ended at 3000-01-01 00:00:00 UTC."
    )


def test_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert authority_end(str(tmp_path / "ca.pem")) == ""
    monkeypatch.setattr(
        "corsproxy.config.certificates.time.time", lambda: NOW.timestamp() + 1000 * 365.25 * 86400
    )
    assert authority_end(str(tmp_path / "ca.pem")) == (
        "No authority of this file is valid any more: the last ended at 3000-01-01 00:00:00 UTC."
    )


def test_a_certificate_that_is_no_authority_is_not_judged_as_one(tmp_path: Path) -> None:
    certificate, _ = pair(
        tmp_path, trustme.CA().issue_cert("a.example", not_before=NOW - 2 * DAY, not_after=NOW - DAY)
    )
    assert authority_end(certificate) == ""
