"""The rules in force, ready to be asked: the same story and edit as `corsproxy explain`.

Laws: the story is always that of the applied rules. An edit is found only in the very text that they came from:
where the file has changed since, or there is none, that is said instead. Answers are kept while rules and text
stay, for the page asks the same things every few seconds.
"""

from collections.abc import Mapping
from pathlib import Path

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
from corsproxy.cors.remedy import remedy

__all__ = ["Applied"]

# Stands in where `run --upstream` took the place of the file's backend: rules alone are judged.
_SOME_BACKEND = "http://127.0.0.1:9"
_MOST_KEPT = 2000


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
        self._chains: dict[tuple[BrowserRequest, ...], tuple[Edit | None, Mending]] = {}
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
            self._chains.clear()
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
            self._kept[key] = told(
                request, self.settings, self._policy, mend=self._mend, pasted=pasted, cause=cause
            )
        return self._kept[key]

    def is_allowed(self, request: BrowserRequest) -> bool:
        """Tell whether the rules in force let the page have the answer."""
        return judge(self._policy, request).allowed

    def edit_for(self, requests: tuple[BrowserRequest, ...]) -> tuple[Edit | None, Mending]:
        """Find one edit with which all of these come out allowed; else the mending that stood in the way."""
        if requests not in self._chains:
            self._chains[requests] = self._chain(requests)
        return self._chains[requests]

    def _chain(self, requests: tuple[BrowserRequest, ...]) -> tuple[Edit | None, Mending]:
        if self._text is None:
            return None, Mending(unfit=self._unfit)
        text, settings, last = self._text, self.settings, Mending()
        for request in requests:
            last = mend(text, self._environ, settings, request, upstream=self._upstream)
            if last.edit is None and not judge(_policy(settings), request).allowed:
                return None, last
            if last.edit is not None:
                text = Text(text.path, last.edit.text, text.sha256)
                settings = settings_of(text, self._environ, upstream=self._upstream).settings
        policy = _policy(settings)
        if text.text == self._text.text or not all(judge(policy, request).allowed for request in requests):
            return None, last
        return difference(self._text.text, text.text), last

    def _mend(self, request: BrowserRequest) -> Mending:
        if self._text is not None:
            return mend(self._text, self._environ, self.settings, request, upstream=self._upstream)
        page = remedy(self.settings.rules, self.settings.public_origins, request).page
        return Mending(page=page, unfit="" if self.is_allowed(request) else self._unfit)

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
