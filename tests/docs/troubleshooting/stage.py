"""The stage for all rows: one Chromium, one proxy with a rule for each row, a spare proxy, and everybody else.

Laws: addresses are those of the documentation (https://app.example.com and so on), which the browser is
told to find here; of what the chapter says only ports are exchanged. What one row changes, no other needs.
"""

import asyncio
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from playwright.async_api import Browser, async_playwright

from tests.conftest import CHROMIUM_ARGUMENTS, NO_CHROMIUM
from tests.docs.troubleshooting import parties
from tests.docs.troubleshooting.browsing import Visitor
from tests.processes import ROOT, Process, Processes, chromium_path, free_port

__all__ = ["Proxy", "Said", "Stage", "opened", "with_line"]

# What a row's rule has beside its path, or in place of the app's origin alone.
RULES: dict[str, tuple[str, ...]] = {
    "page-moved": ("allow_origins: [https://example.com]",),
    "another-port": ('allow_origins: [https://app.example.com, "http://localhost:5173"]',),
    "another-value": ("allow_origins: [https://app.example.com, https://shop.example.com]",),
    "local-network-by-http": ("allow_origins: [https://public.example.com]",),
    "local-network": ("allow_origins: [https://public.example.com]",),
    "method": ("allow_methods: [GET, POST]",),
    "method-case": ("allow_methods: [GET, PATCH]",),
    "authorization": ("allow_headers: [Content-Type]",),
    "header": ("allow_headers: [Content-Type]",),
    "head-too-large": ("allow_headers: [X-Trace]",),
    "login-in-front": ("allow_methods: [PUT]",),
    "redirected-preflight": ("allow_methods: [PUT]",),
    "wildcard": ("allow_credentials: true",),
    "refused-here": ("on_disallowed: block",),
    "preflights-each-time": ("allow_methods: [PUT]", "max_age: 0"),
    "cookie-not-kept": ("allow_credentials: true",),
    "cookie-not-sent": ("cookies: {same_site: none, secure: true, partitioned: true}",),
    "own-origin": ("allow_origins: []",),
}
WITHOUT_RULE = {"no-rule"}
READY_WITHIN = 30.0


def configuration(names: list[str], *, upstream: int, listen: int, admin: int) -> str:
    lines = [
        f"listen: 127.0.0.1:{listen}",
        f"upstream: http://127.0.0.1:{upstream}",
        f'admin: {{listen: "127.0.0.1:{admin}"}}',
        "limits: {body_bytes: 1000, header_bytes: 4KiB}",
        "rules:",
    ]
    for name in names:
        if name not in WITHOUT_RULE:
            keys = RULES.get(name, ())
            lines += [f"  - name: {name}", f"    path: /{name}/**"]
            if not any(key.startswith("allow_origins:") for key in keys):
                lines.append("    allow_origins: [https://app.example.com]")
            lines += [f"    {key}" for key in keys]
    return "\n".join(lines) + "\n"


def with_line(text: str, line: str, rule: str = "") -> str:
    """Put a line of YAML in place of that with its key, or beside the others: at the top, or in the rule named."""
    key = line.partition(":")[0]
    head, blocks = re.split(r"(?=^  - name: )", text, maxsplit=1, flags=re.MULTILINE)
    if not rule:
        kept = [old for old in head.splitlines() if not old.startswith(f"{key}:")]
        return "\n".join([line, *kept]) + "\n" + blocks
    parts = re.split(r"(?=^  - name: )", blocks, flags=re.MULTILINE)
    at = next(at for at, part in enumerate(parts) if part.startswith(f"  - name: {rule}\n"))
    kept = [old for old in parts[at].splitlines() if not old.startswith(f"    {key}:")]
    parts[at] = "\n".join([*kept, f"    {line}"]) + "\n"
    return head + "".join(parts)


@dataclass(frozen=True)
class Said:
    """What a command said."""

    status: int
    text: str


@dataclass
class Proxy:
    """A running corsproxy and its file."""

    file: Path
    port: int
    process: Process

    @classmethod
    def started(cls, processes: Processes, folder: Path, text: str, port: int) -> "Proxy":
        """Start one as people do, in a folder that has its file where it is looked for."""
        file = folder / "config" / "corsproxy.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        argv = (sys.executable, "-m", "corsproxy", "run")
        process = processes.start(*argv, cwd=folder, environ={"CORSPROXY_CONFIG": ""})
        process.wait_for_text('"message":"serving ')
        return cls(file, port, process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return self.file.read_text()

    def end(self) -> None:
        """End it at once: its drain is not what is tried here."""
        self.process.stop(signal.SIGKILL)

    async def take(self, text: str) -> None:
        """Change the file, and wait until the proxy has taken it."""
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        await self.until(f'"sha256":"{sha256}"', change=text)

    async def until(self, words: str, *, change: str) -> None:
        """Change the file, and wait for these words in the log after that."""
        mark = len(self.process.text())
        self.file.write_text(change)
        self.process.popen.send_signal(signal.SIGHUP)
        await self.logged(words, mark)

    async def logged(self, words: str, mark: int) -> None:
        async with asyncio.timeout(READY_WITHIN):
            while words not in self.process.text()[mark:]:
                assert self.process.popen.poll() is None, self.process.text()
                await asyncio.sleep(0.01)  # between two looks, not instead of them


async def run_program(argv: list[str], stdin: str, cwd: Path) -> Said:
    """Run any program."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(stdin.encode()), READY_WITHIN)
    return Said(process.returncode or 0, out.decode())


class Prompt:
    """Where corsproxy's commands are run, each in a process of its own (see `prompt`)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def run(self, argv: list[str], stdin: str, cwd: Path) -> Said:
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        asked = json.dumps({"argv": argv, "cwd": str(cwd), "stdin": stdin})
        async with self._turn:
            writer.write(f"{asked}\n".encode())
            line = await asyncio.wait_for(reader.readline(), READY_WITHIN)
        return Said(**json.loads(line))


@asynccontextmanager
async def prompting() -> AsyncIterator[Prompt]:
    """Start the prompt; at the end of its input it ends."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.docs.troubleshooting.prompt",
        cwd=ROOT,
        stdin=pipe,
        stdout=pipe,
        limit=1 << 20,
        env={**os.environ, "CORSPROXY_CONFIG": ""},
    )
    try:
        yield Prompt(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@dataclass
class Stage:
    """Everything that runs, and where."""

    folder: Path
    visitor: Visitor
    proxy: Proxy
    spare: Proxy  # in front of nobody
    ports: dict[str, int]  # by name, and by the number that the documentation has
    processes: Processes
    prompt: Prompt
    mended: set[str]  # what in front of the proxy is at fault no more, by the row's name
    passed: list[str]  # what came by there

    def here(self, text: str) -> str:
        """Exchange the documentation's ports for those that were free."""
        return re.sub(r"\b(?:5000|808[01]|9901)\b", lambda match: str(self.ports[match[0]]), text)

    async def run(self, command: str, *, stdin: str = "", cwd: Path | None = None) -> Said:
        """Run a command as pasted into a shell, with `cwd` or the proxy's folder for its own."""
        argv = shlex.split(command)
        run = self.prompt.run if argv[0] == "corsproxy" else run_program
        return await run(argv, stdin, cwd or self.folder)

    async def ask(
        self,
        commands: list[str],
        blanks: dict[str, str],
        *,
        stdin: str = "",
        cwd: Path | None = None,
        more: str = "",
    ) -> list[Said]:
        """Run the documentation's commands, their blanks filled in."""
        filled = [self.here(command).format(**blanks) + more for command in commands]
        return await asyncio.gather(*(self.run(each, stdin=stdin, cwd=cwd) for each in filled))

    def another(self, name: str, text: str) -> Proxy:
        """Start one more proxy from this text, on port 8081 and without admin, in a folder of its own."""
        text = with_line(with_line(text, f"listen: 127.0.0.1:{self.ports['8081']}"), "admin: {listen: off}")
        folder = self.folder / name
        (folder / "config").mkdir(parents=True)
        for file in ("tls.crt", "tls.key"):
            shutil.copy(self.folder / file, folder / "config")
        return Proxy.started(self.processes, folder, text, self.ports["8081"])


@asynccontextmanager
async def opened(folder: Path, names: list[str]) -> AsyncIterator[Stage]:
    """Start everything; end it afterwards."""
    ports = {name: free_port() for name in ("8080", "8081", "9901", "nobody", "spare", "spare admin")}
    mended, passed = set[str](), list[str]()
    authority = trustme.CA()
    certificate = authority.issue_cert("*.example.com", "127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "tls.key"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "tls.crt"))
    tls = parties.tls_server(certificate)
    async with AsyncExitStack() as stack:
        processes = Processes(folder)
        stack.callback(processes.end_all)
        enter = stack.enter_async_context
        [ports["5000"]] = await enter(parties.serving(parties.backend(), None))
        ports["flask"] = stack.enter_context(parties.flask_with_cors())
        front = await enter(parties.in_front(f"http://127.0.0.1:{ports['8080']}", mended, passed))
        [ports["front"]] = await enter(parties.serving(front, None))
        ports["pages"], ports["public"], ports["plain"], ports["public plain"] = await enter(
            parties.serving(parties.pages(), tls, tls, None, None)
        )
        ports["own"] = await enter(parties.tls_in_front(ports["8080"], tls))
        browser = await enter(chromium(ports))
        text = configuration(names, upstream=ports["5000"], listen=ports["8080"], admin=ports["9901"])
        proxy = Proxy.started(processes, folder, text, ports["8080"])
        text = configuration(
            names, upstream=ports["nobody"], listen=ports["spare"], admin=ports["spare admin"]
        )
        spare = Proxy.started(processes, folder / "spare", text, ports["spare"])
        prompt = await enter(prompting())
        yield Stage(folder, Visitor(browser), proxy, spare, ports, processes, prompt, mended, passed)


@asynccontextmanager
async def chromium(ports: dict[str, int]) -> AsyncIterator[Browser]:
    """Start a browser that finds the documentation's names here, and takes our certificates."""
    path = chromium_path()
    assert path is not None, NO_CHROMIUM
    names = {
        "public.example.com:443": ports["public"],
        "own.example.com:443": ports["own"],
        "*.example.com:443": ports["pages"],
    }
    public = ports["public"], ports["public plain"]
    found = [f"MAP {name} 127.0.0.1:{port}" for name, port in names.items()]
    arguments = [
        *CHROMIUM_ARGUMENTS,
        "--ignore-certificate-errors",
        f"--host-resolver-rules={', '.join([*found, 'MAP *.example.com 127.0.0.1'])}",
        f"--ip-address-space-overrides={','.join(f'127.0.0.1:{port}=public' for port in public)}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()
