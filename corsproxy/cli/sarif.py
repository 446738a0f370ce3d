"""What `check` found as SARIF 2.1.0, as GitHub's code scanning and others take it.

Laws: one run; a rule for every code there is, so that a code keeps its index; places are relative to the
working directory where they can be. A fingerprint does not move with the lines above a problem.
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from corsproxy import __version__
from corsproxy.cli.findings import Checked, Status
from corsproxy.cli.problems import json_text
from corsproxy.config.codes import MEANINGS, Meaning
from corsproxy.config.problem import Code, Problem

__all__ = ["as_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX = {code: at for at, code in enumerate(MEANINGS)}


def as_sarif(checked: Sequence[Checked]) -> str:
    """Write one SARIF log about all files."""
    driver = {
        "name": "corsproxy",
        "version": __version__,
        "semanticVersion": __version__,
        "shortDescription": {"text": "Checks the CORS policy of a corsproxy configuration."},
        "rules": [_rule(code, meaning) for code, meaning in MEANINGS.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        # It did what it is for, whatever it found.
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": int(max((c.status for c in checked), default=Status.FINE)),
            }
        ],
        "artifacts": [
            {"location": _location(uri)} for uri in dict.fromkeys(_uri(one.file) for one in checked)
        ],
        "results": list(_results(checked)),
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_text(log)


def _rule(code: Code, meaning: Meaning) -> dict[str, object]:
    level = _level(meaning)
    return {
        "id": str(code),
        "name": "".join(word.capitalize() for word in code.split("_")),
        "shortDescription": {"text": f"{meaning.title}."},
        "fullDescription": {"text": f"{meaning.title}. {meaning.help}"},
        "help": {
            "text": f"{meaning.title}. {meaning.help}",
            "markdown": f"**{meaning.title}.** {meaning.help}",
        },
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["cors", "configuration", *(["security"] if meaning.is_security else [])],
            "precision": "very-high",
            "problem.severity": level,
        },
    }


def _level(meaning: Meaning) -> str:
    return "warning" if meaning.is_warning else "error"


def _results(checked: Sequence[Checked]) -> Iterator[dict[str, object]]:
    seen: Counter[str] = Counter()
    for one in checked:
        for problem in (*one.problems, *one.warnings):
            uri = _uri(problem.file)
            mark = _mark(uri, problem)
            seen[mark] += 1
            yield {
                "ruleId": str(problem.code),
                "ruleIndex": _INDEX[problem.code],
                "level": _level(MEANINGS[problem.code]),
                "message": {"text": _message(problem)},
                "locations": [_place(uri, problem)],
                "partialFingerprints": {"primaryLocationLineHash": f"{mark}:{seen[mark]}"},
            }


def _message(problem: Problem) -> str:
    parts = [
        f"{problem.path}: {problem.what}" if problem.path else problem.what,
        f"Why: {problem.why}" if problem.why else "",
        f"Fix: {problem.fix}" if problem.fix else "",
    ]
    return "\n".join(filter(None, parts))


def _place(uri: str, problem: Problem) -> dict[str, object]:
    region = {"startLine": max(problem.line, 1), "startColumn": max(problem.column, 1)}
    place: dict[str, object] = {"physicalLocation": {"artifactLocation": _location(uri), "region": region}}
    if problem.path:
        place["logicalLocations"] = [{"fullyQualifiedName": problem.path, "kind": "member"}]
    return place


def _location(uri: str) -> dict[str, object]:
    return {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _uri(file: str) -> str:
    """Name a file as SARIF does: relative to the working directory, which is the repository's in CI, or whole."""
    path, here = Path(file), Path.cwd()
    if path.is_absolute() or ".." in path.parts:
        absolute = here.joinpath(path).resolve()
        if not absolute.is_relative_to(here.resolve()):
            return absolute.as_uri()
        path = absolute.relative_to(here.resolve())
    return quote(os.fsencode(path))


def _mark(uri: str, problem: Problem) -> str:
    """Sum up a problem without what moves when others are mended: lines, and numbers of list items."""
    path = re.sub(r"\[\d+\]", "[]", problem.path)
    return hashlib.sha256(
        f"{uri}\n{problem.code}\n{path}\n{problem.what}".encode("utf-8", "surrogateescape")
    ).hexdigest()[:16]
