"""The rules in force, ready to be asked: the same story and edit as `corsproxy explain`.

Laws: the story is always that of the applied rules. An edit is found only in the very text that they came from:
where the file has changed since, or there is none, that is said instead. Answers are kept while rules and text
stay, for the page asks the same things every few seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from corsproxy.bridges.recorded import Question
from corsproxy.bridges.told import Told, told
from corsproxy.config.edit import Edit, difference
from corsproxy.config.load import settings_of
from corsproxy.config.mend import Mending, mend
from corsproxy.config.problem import COMMAND_LINE, ConfigError
from corsproxy.config.settings import Settings
from corsproxy.config.source import Text, read
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.consoles import Cause
from corsproxy.cors.policy import Policy
from corsproxy.cors.remedy import Remedy, remedy
from corsproxy.cors.rule import Rule

__all__ = ["Applied", "Grant"]

# Stands in where `run --upstream` took the place of the file's backend: rules alone are judged.
_SOME_BACKEND = "http://127.0.0.1:9"
_MOST_KEPT = 2000


class Grant(NamedTuple):
    """An edit for several requests; without one, `mending` says what stood in the way."""

    edit: Edit | None
    mending: Mending


@dataclass(frozen=True, slots=True)
class _Chain:
    """How far an edit for several requests has come."""

    text: Text
    settings: Settings
    mending: Mending = field(default_factory=Mending)  # the last step's
    steps: int = 0
    is_stuck: bool = False

    def is_done(self, requests: tuple[BrowserRequest, ...]) -> bool:
        """Whether there is nothing more to try."""
        return self.is_stuck or self.steps == len(requests)


class Applied:
    """Settings that are in force, and the text they came from if it is still there."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self._environ = environ
        self._policy = Policy.compile(settings.rules, settings.public_origins)
        self._text: Text | None = None
        self._unfit = ""
        self._upstream: str | None = None
        self._kept: dict[object, Told] = {}
        self._grants: dict[tuple[BrowserRequest, ...], Grant] = {}
        self._begun: dict[tuple[BrowserRequest, ...], _Chain] = {}
        self.look()

    @property
    def text_is_other(self) -> str:
        """Why no edit is given: a sentence's end, or nothing where edits are."""
        return self._unfit

    def look(self) -> None:
        """See whether the text is still the one that was applied; forget what was found if that changed."""
        text, unfit = self._read()
        if (text and text.sha256, unfit) != (self._text and self._text.sha256, self._unfit):
            self._kept.clear()
            self._grants.clear()
            self._begun.clear()
            self._upstream = None
        if text is not None and self._text is None:
            self._upstream = self._missing_upstream(text)
        self._text, self._unfit = text, unfit

    def ask(
        self, request: BrowserRequest, pasted: Question | None = None, cause: Cause | None = None
    ) -> Told:
        """Explain one request."""
        key = (request, pasted, cause)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
                self._grants.clear()
                self._begun.clear()
            self._kept[key] = told(
                request, self.settings, self._policy, mend=self._mend, pasted=pasted, cause=cause
            )
        return self._kept[key]

    def is_allowed(self, request: BrowserRequest) -> bool:
        """Tell whether the rules in force let the page have the answer."""
        return judge(self._policy, request).allowed

    def edit_for(
        self, requests: tuple[BrowserRequest, ...], is_late: Callable[[], bool] = lambda: False
    ) -> Grant | None:
        """Find one edit with which all of these come out allowed.

        None where it got late before: what was found so far is kept, and the next call goes on from there.
        """
        if self._text is None:
            return Grant(None, self._mend(requests[0]) if requests else Mending(unfit=self._unfit))
        if requests not in self._grants:
            chain = self._begun.pop(requests, None) or _Chain(self._text, self.settings)
            while not chain.is_done(requests):
                if is_late():
                    self._begun[requests] = chain
                    return None
                chain = self._step(chain, requests[chain.steps])
            self._grants[requests] = self._grant(chain, requests)
        return self._grants[requests]

    def _step(self, chain: "_Chain", request: BrowserRequest) -> "_Chain":
        """Make the edit for one more request in the text with the edits so far."""
        text, settings = chain.text, chain.settings
        mending = mend(text, self._environ, settings, request, upstream=self._upstream)
        if mending.edit is not None:
            text = Text(text.path, mending.edit.text, text.sha256)
            settings = settings_of(text, self._environ, upstream=self._upstream).settings
        is_stuck = mending.edit is None and not judge(_policy(settings), request).allowed
        return _Chain(text, settings, mending, chain.steps + 1, is_stuck)

    def _grant(self, chain: "_Chain", requests: tuple[BrowserRequest, ...]) -> Grant:
        before = self._text.text if self._text is not None else ""
        policy = _policy(chain.settings)
        is_granted = not chain.is_stuck and all(judge(policy, request).allowed for request in requests)
        if not is_granted or chain.text.text == before:
            return Grant(None, chain.mending)
        return Grant(difference(before, chain.text.text), chain.mending)

    def _mend(self, request: BrowserRequest) -> Mending:
        if self._text is not None:
            return mend(self._text, self._environ, self.settings, request, upstream=self._upstream)
        found = remedy(self.settings.rules, self.settings.public_origins, request)
        if self.is_allowed(request):
            return Mending(page=found.page)
        flags = _flags(self.settings.rules, found) if self.settings.source.path == COMMAND_LINE else ""
        return Mending(page=found.page, unfit=self._unfit + (f"; add {flags}" if flags else ""))

    def _read(self) -> tuple[Text | None, str]:
        path = self.settings.source.path
        if path == COMMAND_LINE:
            return None, "the rules were given on the command line"
        try:
            text = read(Path(path))
        except ConfigError:
            return None, f"{path} cannot be read any more"
        if text.sha256 != self.settings.source.sha256:
            return None, f"{path} has changed since these rules were applied"
        return text, ""

    def _missing_upstream(self, text: Text) -> str | None:
        try:
            settings_of(text, self._environ)
        except ConfigError:
            return _SOME_BACKEND
        return None


def _policy(settings: Settings) -> Policy:
    return Policy.compile(settings.rules, settings.public_origins)


def _flags(rules: tuple[Rule, ...], found: Remedy) -> str:
    """Write what a remedy adds to a rule that flags made, as more of them."""
    if found.rule is None or found.position >= len(rules):
        return ""
    written, mended = rules[found.position], found.rule
    added = [
        ("--allow-origin", set(written.origins.exact), mended.origins.exact),
        ("--allow-method", set(written.allow_methods), mended.allow_methods),
        ("--allow-header", set(written.allow_headers), mended.allow_headers),
    ]
    flags = [f"{flag} {quote(item)}" for flag, known, items in added for item in items if item not in known]
    flags += ["--allow-credentials"] * (mended.allow_credentials and not written.allow_credentials)
    return " ".join(flags)
