"""One row being tried: the trouble is made and seen, the commands are run and heard, the cure is taken."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from corsproxy.bridges.console import read_console
from corsproxy.bridges.recorded import BadPaste
from corsproxy.cors.consoles import FIREFOX
from tests.docs.troubleshooting.browsing import Call, Seen
from tests.docs.troubleshooting.chapter import Row
from tests.docs.troubleshooting.stage import Proxy, Said, Stage, with_line

__all__ = ["CASES", "Case", "case"]

# Where `explain` has lines pasted: in place of one line, or after it.
_SHOWN = re.compile(
    r"^  \S+:(?P<line>\d+)  (?:replace (?P<count>this line) with|add (?:this|these lines) after this line)\n"
    r"(?P<added>(?:^ *(?:- )?\w+: .*\n?)+)",
    re.MULTILINE,
)


class Case:
    """A row on the stage. `blanks` are what its blanks stand for, as far as they are known.

    `taken` are its lines that came into a file.
    """

    def __init__(self, row: Row, stage: Stage) -> None:
        self.row = row
        self.stage = stage
        self.blanks: dict[str, str] = {}
        self.has_asked = False
        self.taken: set[str] = set()
        self._log = stage.proxy
        self._mark = len(stage.proxy.process.text())

    def reads_log_of(self, proxy: Proxy) -> None:
        """From here on the log is that of another proxy."""
        self._log, self._mark = proxy, len(proxy.process.text())

    def log(self) -> str:
        """Return what has been logged since the row began."""
        return self._log.process.text()[self._mark :]

    @property
    def url(self) -> str:
        """Return an address of the row's rule, at the proxy."""
        return f"{self.stage.proxy.url}/{self.row.name}/items"

    def at(self, port: str, end: str = "items") -> str:
        """Return the same at another port."""
        return f"http://127.0.0.1:{self.stage.ports[port]}/{self.row.name}/{end}"

    async def sees(self, call: Call) -> Seen:
        """Make the trouble, and see in the console what the row says."""
        seen = await self.stage.visitor.does(call)
        self.calls(call)
        self.blanks["line"] = seen.line
        assert seen.status == -1, seen
        for text in self.row.seen:
            self.matches(text, seen.line)
        for reason in self.row.in_firefox:
            self._is_read_alike(seen.line, reason)
        return seen

    async def fails(self, call: Call) -> Seen:
        """Make a trouble that the row does not tell by the console."""
        seen = await self.stage.visitor.does(call)
        self.calls(call)
        assert seen.status == -1, seen
        return seen

    def calls(self, call: Call) -> None:
        """Fill in whose address the page has, and whose it calls."""
        self.blanks |= {"url": call.url, "page": call.page, "origin": origin_of(call.page)}

    def matches(self, text: str, line: str) -> None:
        """Find the text, its blanks filled with whatever stands there, and keep what does."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*?)", re.escape(text))
        pattern += r"(?=\s|$)" if text.endswith("}") else ""
        found = re.search(pattern, line)
        assert found, f"{text}\nis not in\n{line}"
        self.blanks |= found.groupdict()

    def _is_read_alike(self, chrome: str, reason: str) -> None:
        """Firefox's words name the same cause; or none, and then not in Chrome's either.

        No Firefox is driven: its words are those of `consoles`.
        """
        words = reason.format(value=self.blanks.get("value", ""))
        line = FIREFOX.format(url=self.blanks["url"], reason=words)
        assert cause_of(line) == cause_of(chrome), line

    async def asks(self, *, stdin: str = "", cwd: Path | None = None, more: str = "") -> list[Said]:
        """Run the row's commands and hear what it says they say; `more` is what they need only here."""
        assert not set('"$`\\') & set(self.blanks.get("line", "")), (
            "this line cannot be pasted between quotes"
        )
        said = await self.stage.ask(self.row.commands, self.blanks, stdin=stdin, cwd=cwd, more=more)
        heard = "\n".join(each.text for each in said)
        assert [claim for claim in self.row.claims if claim not in heard] == [], heard
        for words in self.row.logged:
            await self._log.logged(words, self._mark)
        self.has_asked = True
        return said

    async def takes_edit(self, explained: Said) -> None:
        """Paste what `explain` shows where it says; the row's own line is among it."""
        shown = _SHOWN.search(explained.text)
        assert shown, explained.text
        added = shown["added"].rstrip("\n").split("\n")
        assert {self.stage.here(line) for line in self.row.lines} <= {line.strip() for line in added}, added
        self.taken |= set(self.row.lines)
        lines = self.stage.proxy.text.split("\n")
        at = int(shown["line"]) - (shown["count"] is not None)
        lines[at : at + (shown["count"] is not None)] = added
        await self.stage.proxy.take("\n".join(lines))

    def with_own_line(self, text: str, *, in_rule: bool = False) -> str:
        """Put the row's own line into a file's text."""
        [line] = self.row.lines
        self.taken.add(line)
        return with_line(text, self.stage.here(line), self.row.name if in_rule else "")

    async def takes_line(self, *, in_rule: bool = False) -> None:
        """Put the row's own line into the file, and let the proxy take it."""
        await self._log.take(self.with_own_line(self._log.text, in_rule=in_rule))

    async def works(self, call: Call, status: int = 200) -> Seen:
        """Do it again, and get an answer."""
        seen = await self.stage.visitor.does(call)
        assert (seen.status, seen.line) == (status, ""), seen
        return seen


def cause_of(line: str) -> str:
    try:
        return str(read_console(line)[1])
    except BadPaste as why:
        return "none" if "corsproxy probe" in str(why) else f"not read: {line}"


def origin_of(address: str) -> str:
    return "/".join(address.split("/")[:3])


CASES: dict[str, Callable[[Case], Awaitable[None]]] = {}


def case(test: Callable[[Case], Awaitable[None]]) -> Callable[[Case], Awaitable[None]]:
    """Let this be the test of the row with its name."""
    CASES[test.__name__.replace("_", "-")] = test
    return test
