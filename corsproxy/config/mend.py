"""What to change in a file for one question to come out allowed, tried before it is told.

Laws: an edit is told only if the file with it loads, its own tests included, and the same question is then
allowed; no key that begins with `dangerously_` is written. Where the file with the edit would be refused,
the problems are told in its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from corsproxy.config.edit import Edit, Unfit, edited
from corsproxy.config.load import settings_of
from corsproxy.config.problem import ConfigError, Problem
from corsproxy.config.settings import Settings
from corsproxy.config.source import Text
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.policy import Policy
from corsproxy.cors.remedy import remedy

__all__ = ["Mending", "mend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """What to do: a sentence for the page, an edit of the file, or why there is none."""

    page: str = ""
    edit: Edit | None = None
    refused: tuple[Problem, ...] = ()  # what `check` would say of the edit
    unfit: str = ""


def mend(
    text: Text,
    environ: Mapping[str, str],
    settings: Settings,
    request: BrowserRequest,
    *,
    upstream: str | None = None,
) -> Mending:
    """Find what to change; `settings` are those of the text, `upstream` what took the place of its backend."""
    found = remedy(settings.rules, settings.public_origins, request)
    if found.rule is None:
        return Mending(page=found.page)
    try:
        edit = edited(text.text, found.position, found.rule, found.keys)
    except Unfit as unfit:
        return Mending(page=found.page, unfit=str(unfit))
    try:
        after = settings_of(Text(text.path, edit.text, text.sha256), environ, upstream=upstream).settings
    except ConfigError as refused:
        return Mending(page=found.page, refused=refused.problems)
    if not judge(Policy.compile(after.rules, after.public_origins), request).allowed:
        return Mending(page=found.page, unfit="no single edit of one rule lets this through")
    return Mending(page=found.page, edit=edit)
