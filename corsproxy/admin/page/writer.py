"""Writes the page: a question as JSON in, HTML out.

Laws: templates only arrange; everything they print is escaped, and a name that is not there is a mistake, not
nothing (StrictUndefined). The rules are compiled once for each configuration that is adopted.
"""

import base64
import pickle
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from corsproxy import __version__
from corsproxy.admin.page import sections, words
from corsproxy.admin.page.applied import Applied
from corsproxy.admin.page.questions import of_form
from corsproxy.admin.page.seen import Ledger
from corsproxy.admin.page.suggestions import ENOUGH, ENOUGH_CLIENTS, ENOUGH_SECONDS
from corsproxy.bridges import told as telling
from corsproxy.bridges.asked import BadQuestion
from corsproxy.bridges.probe.cache import STRANGER
from corsproxy.config.settings import Settings

__all__ = ["Writer"]

# Seconds for stories and edits in one page; what is not found by then gets a link that asks for it.
BUDGET = 2.0


class Writer:
    """Keeps what stays the same between two views."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._environ = dict(environ)
        self._clock = clock
        self._applied: Applied | None = None
        self._templates = Environment(
            loader=PackageLoader("corsproxy.admin.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        said = [name for name in words.__all__ if name.islower()]
        self._templates.globals |= {name: getattr(words, name) for name in said}
        self._templates.globals |= {"telling": telling, "version": __version__, "stranger": STRANGER}
        self._templates.filters["ticked"] = _ticked
        limits = {"times": ENOUGH, "clients": ENOUGH_CLIENTS, "seconds": int(ENOUGH_SECONDS)}
        self._templates.globals["enough"] = limits

    def adopt(self, pickled: str) -> None:
        """Take the settings that are in force from now on."""
        settings = pickle.loads(base64.b64decode(pickled))  # noqa: S301 -- from the process that started us
        if not isinstance(settings, Settings):
            raise TypeError("these are no settings")
        self._applied = Applied(settings, self._environ)

    def write(self, question: Mapping[str, Any]) -> str:
        """Write the whole page, or the part of it that changes."""
        if self._applied is None:
            raise RuntimeError("no settings were told")
        applied = self._applied
        applied.look()
        view = self._view(question, applied)
        if question["what"] == "live":
            return self._templates.get_template("live.html").render(view)
        form = question.get("form") or {}
        return self._templates.get_template("page.html").render(
            view, form=form, **self._answer(form, applied)
        )

    def _view(self, question: Mapping[str, Any], applied: Applied) -> dict[str, object]:
        ledger = Ledger.of(question["decisions"])
        until = self._clock() + BUDGET

        def is_late() -> bool:
            return self._clock() > until

        refused, more_refused = sections.cards(ledger, applied, is_late, report=False)
        tried, more_tried = sections.cards(ledger, applied, is_late, report=True)
        suggested = sections.suggested(ledger, applied, is_late)
        return {
            "status": question["status"],
            "settings": applied.settings,
            "text_is_other": applied.text_is_other,
            "ledger": ledger,
            "now": ledger.now or time.time(),
            "totals": sections.totals(question["totals"]),
            "refused": refused,
            "more_refused": more_refused + ledger.left_out,
            "tried": tried,
            "more_tried": more_tried,
            "suggestions": suggested.found,
            "rare": suggested.rare,
            "waiting": suggested.waiting,
            "recent": sections.recent(ledger),
            "differences": sections.differences(ledger),
            "usage": sections.usage(ledger),
            "most_rows": sections.MOST_ROWS,
        }

    @staticmethod
    def _answer(form: Mapping[str, str], applied: Applied) -> dict[str, object]:
        if not form:
            return {"answer": None, "bad_question": ""}
        try:
            request, pasted, cause = of_form(form)
        except BadQuestion as fault:
            return {"answer": None, "bad_question": str(fault)}
        return {"answer": applied.ask(request, pasted, cause), "bad_question": ""}


def _ticked(text: str) -> Markup:
    """Set what stands between backticks as code; all else is escaped."""
    pieces = [escape(piece) for piece in re.split("`([^`]*)`", text)]
    return Markup().join(
        Markup("<code>{}</code>").format(piece) if at % 2 else piece for at, piece in enumerate(pieces)
    )
