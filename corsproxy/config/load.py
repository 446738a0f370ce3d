"""Load a configuration: a file or flags in; frozen Settings, or every Problem, out.

Laws: all or nothing, and all problems at once. The policy's own tests run before every load; they are
only run where nothing else is wrong. Flags go through the same models and checks as a file. The
process that serves does not import this; it asks `child`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from corsproxy.config.addresses import BadAddress, read_url
from corsproxy.config.candidate import Load, read_candidate, refuse_candidate
from corsproxy.config.document import Document, read_document
from corsproxy.config.findings import Findings
from corsproxy.config.flags import Flags, document_of
from corsproxy.config.problem import COMMAND_LINE, Code, ConfigError, Problem
from corsproxy.config.proofs import prove
from corsproxy.config.rules import read_rules
from corsproxy.config.server import read_server
from corsproxy.config.settings import Settings, Source
from corsproxy.config.shapes import read_shapes
from corsproxy.config.silence import silence
from corsproxy.config.source import Text, read

__all__ = ["Loaded", "load", "load_flags", "read_settings", "settings_from_flags", "settings_of"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a good configuration came to; `tests` is how many tests of the policy passed.

    `warnings` are also about the file of its candidate; what is wrong with that is in `settings.candidate`.
    """

    settings: Settings
    warnings: tuple[Problem, ...]
    tests: int


def load(path: Path, environ: Mapping[str, str], *, upstream: str | None = None) -> Settings:
    """Load a file, with another backend where `upstream` is a URL; raises ConfigError."""
    return read_settings(path, environ, upstream=upstream).settings


def read_settings(path: Path, environ: Mapping[str, str], *, upstream: str | None = None) -> Loaded:
    """Load a file as `load` does, keeping the warnings with their places; raises ConfigError."""
    return settings_of(read(path), environ, upstream=upstream)


def settings_of(text: Text, environ: Mapping[str, str], *, upstream: str | None = None) -> Loaded:
    """Load a text as if it stood in its file; raises ConfigError."""

    def load_candidate(candidate: Text) -> tuple[Settings, tuple[Problem, ...]]:
        loaded = _load_text(candidate, environ, upstream, None)
        return loaded.settings, loaded.warnings

    return _load_text(text, environ, upstream, load_candidate)


def _load_text(
    text: Text, environ: Mapping[str, str], upstream: str | None, load_candidate: Load | None
) -> Loaded:
    document = read_document(text.path, text.text, environ)
    if upstream is not None:
        _replace_upstream(document, upstream)
    return _load(document, Path(text.path).parent, Source(text.path, text.sha256), load_candidate)


def settings_from_flags(
    upstream: str,
    allow_origins: Sequence[str],
    *,
    allow_credentials: bool = False,
    allow_headers: Sequence[str] = (),
    allow_methods: Sequence[str] = (),
    listen: Sequence[str] = (),
) -> Settings:
    """Load what `corsproxy run --upstream … --allow-origin …` was given; raises ConfigError."""
    flags = Flags(
        upstream=upstream,
        allow_origins=tuple(allow_origins),
        allow_credentials=allow_credentials,
        allow_headers=tuple(allow_headers),
        allow_methods=tuple(allow_methods),
        listen=tuple(listen),
    )
    return load_flags(flags).settings


def load_flags(flags: Flags) -> Loaded:
    """Load flags; raises ConfigError."""
    document = document_of(flags)
    digest = hashlib.sha256(json.dumps(document.values).encode()).hexdigest()
    return _load(document, Path.cwd(), Source(COMMAND_LINE, digest))


def _replace_upstream(document: Document, text: str) -> None:
    """Put another backend in the file's place; what else the file says of its backend stays."""
    try:
        url = read_url(text)
    except BadAddress as fault:
        problem = Problem(COMMAND_LINE, 0, 0, "--upstream", fault.what, fix=fault.fix, code=Code.URL)
        raise ConfigError([problem]) from None
    if not isinstance(document.values, dict):
        return
    written = document.values.get("upstream")
    kept = dict(written) if isinstance(written, dict) else {}
    if not url.is_tls:
        kept.pop("tls", None)
    document.values["upstream"] = {**kept, "url": text}
    document.given[("upstream", "url")] = "--upstream"


def _load(document: Document, folder: Path, source: Source, load_candidate: Load | None = None) -> Loaded:
    findings = Findings(document.problem)
    for problem in document.problems:
        findings.add(problem)
    keys = read_shapes(document, findings)
    settings = None
    if keys is not None:
        rules = read_rules(keys, document, findings)
        settings = read_server(keys, folder, findings, source=source, rules=rules)
    others: tuple[Problem, ...] = ()
    if keys is not None and keys.candidate is not None:
        if load_candidate is None:
            refuse_candidate(findings)
        elif settings is not None and not findings.refused:
            path = folder / keys.candidate
            candidate, others = read_candidate(path, settings, findings, load_candidate)
            settings = replace(settings, candidate=candidate)
    if keys is not None:
        silence(keys.silence, findings)
    if findings.refused or keys is None or settings is None:
        raise ConfigError(findings.refused)
    prove(keys.tests, settings, findings)
    if findings.refused:
        raise ConfigError(findings.refused)
    warned = findings.warned
    settings = replace(settings, warnings=tuple(_on_one_line(problem) for problem in warned))
    return Loaded(settings, (*warned, *others), len(keys.tests))


def _on_one_line(problem: Problem) -> str:
    text = re.sub(r"\s*\n\s*", " ", str(problem))
    return f"{text} ({problem.code})"
