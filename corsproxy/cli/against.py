"""`corsproxy check FILE --against SOURCE`: after the check itself, what would change for whom.

Laws: only a file that is in order is replayed over. Exit status 0 where nothing would change, 1 where something
would, or where the check asks for 1, and 2 where FILE was refused or SOURCE cannot be read.
"""

import json

from corsproxy.cli.against_report import as_annotations, as_object, as_report
from corsproxy.cli.against_source import BadSource, against
from corsproxy.cli.findings import Checked, Status
from corsproxy.cli.problems import annotation, as_json, json_text, wants_colour
from corsproxy.config.settings import Settings

__all__ = ["check_against"]


def check_against(
    checked: Checked, settings: Settings, source: str, host: str | None, *, form: str, said: str
) -> tuple[str, int]:
    """Return what is to be printed and the exit status; `said` is what the check itself has to say in that format."""
    try:
        found = against(settings, source, host)
    except BadSource as bad:
        return _complaint(checked, str(bad), form, said), Status.REFUSED
    status = max(checked.status, Status.FAILED if found.replayed.effects else Status.FINE)
    if form == "json":
        return _object(checked, status, {"against": as_object(found)}), status
    report = (
        as_annotations(found, checked.file) if form == "github" else as_report(found, colour=wants_colour())
    )
    return ("\n" if form == "github" else "\n\n").join(filter(None, [said, report])), status


def _complaint(checked: Checked, text: str, form: str, said: str) -> str:
    if form == "json":
        return _object(checked, Status.REFUSED, {"against": {"problem": text}})
    if form == "github":
        text = annotation("error", text, file=checked.file, line=0, column=0, title="--against")
    return "\n\n".join(filter(None, [said, text]))


def _object(checked: Checked, status: int, more: dict[str, object]) -> str:
    document = json.loads(as_json([checked])) | {"status": int(status)} | more
    return json_text(document)
