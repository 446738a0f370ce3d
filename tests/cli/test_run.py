"""The call of `corsproxy run`: what it takes for the policy, and what it refuses."""

import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from corsproxy.cli.run import run
from tests.service.backend import Backend, get
from tests.service.program import free_endpoint, launch

NOWHERE = {"CORSPROXY_CONFIG": ""}


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with Backend() as backend:
        yield backend


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(run, arguments, terminal_width=1000)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.rpartition("Error: ")[2]


def test_a_file_is_named_with_c() -> None:
    said = "corsproxy.yaml stands alone. Fix: name a file with -c, as in `corsproxy run -c corsproxy.yaml`.\n"
    assert refused("corsproxy.yaml") == said


class TestMixtures:
    def test_a_file_and_a_policy_of_flags(self) -> None:
        assert refused("-c", "my.yaml", "--upstream", "http://x", "--allow-origin", "https://y") == (
            "--allow-origin makes a policy of its own, and my.yaml has one. "
            "Fix: add the origin to the file, or leave -c out.\n"
        )

    def test_an_origin_without_a_backend(self) -> None:
        assert refused("--allow-origin", "https://y") == (
            "--allow-origin needs to know the backend. Fix: add --upstream URL, such as http://127.0.0.1:5000.\n"
        )

    @pytest.mark.parametrize("config", [[], ["-c", "my.yaml"], ["--upstream", "http://x"]])
    @pytest.mark.parametrize(
        ("flags", "names"),
        [
            (["--allow-credentials"], "--allow-credentials belongs"),
            (["--allow-header", "X"], "--allow-header belongs"),
            (["--allow-method", "PUT"], "--allow-method belongs"),
            (["--listen", "127.0.0.1:1"], "--listen belongs"),
            (["--admin", "off"], "--admin belongs"),
            (["--listen", "127.0.0.1:1", "--allow-header", "X"], "--allow-header and --listen belong"),
        ],
    )
    def test_flags_of_a_policy_that_nothing_began(
        self, config: list[str], flags: list[str], names: str
    ) -> None:
        assert refused(*config, *flags) == (
            f"{names} to a policy made of flags, and that begins with --allow-origin. "
            "Fix: add --allow-origin ORIGIN and --upstream URL, or say it in the YAML file.\n"
        )


def test_a_mistake_of_ours_is_no_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It has to be seen with its traceback, and a supervisor that does not restart what was refused restarts this."""

    async def serve(_plan: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("corsproxy.cli.run.serve", serve)
    path = tmp_path / "corsproxy.yaml"
    path.write_text(
        "upstream: http://127.0.0.1:5000\nrules: [{path: /**, allow_origins: [https://a.example]}]\n"
    )
    before = signal.getsignal(signal.SIGHUP)
    try:
        done = CliRunner().invoke(run, ["-c", str(path)])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (repr(done.exception), done.exit_code) == ("ValueError('a mistake')", 1)


async def refusal(*arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    async with launch(*arguments, environ={**NOWHERE, **(environ or {})}, cwd=cwd) as program:
        status, error = await program.ended()
        assert (status, program.lines) == (2, [])
        return error


async def test_a_bad_file_is_refused_with_all_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "corsproxy.yaml"
    path.write_text(
        "upstream: http://127.0.0.1:5000\nnonsense: 1\nrules: [{path: /**, allow_origins: [https://A]}]\n"
    )
    error = await refusal("-c", path, cwd=tmp_path)
    assert error.startswith(f"{path}:2:1  nonsense\n")
    assert f"\n\n{path}:3:" in error
    assert error.endswith("\n\n2 problems; nothing was started.\n")


async def test_bad_flags_are_refused_by_their_names(tmp_path: Path) -> None:
    error = await refusal("--upstream", "nonsense", "--allow-origin", "https://y", cwd=tmp_path)
    assert "--upstream" in error
    assert error.endswith("\n\n1 problem; nothing was started.\n")


async def test_without_anything_it_says_where_it_looked(tmp_path: Path) -> None:
    error = await refusal(cwd=tmp_path)
    assert "config/corsproxy.yaml" in error
    assert "/etc/corsproxy/corsproxy.yaml" in error
    assert error.endswith("\n\n1 problem; nothing was started.\n")


async def test_an_admin_address_that_is_none_is_refused(tmp_path: Path) -> None:
    error = await refusal("--upstream=http://x", "--allow-origin=https://y", "--admin=9901", cwd=tmp_path)
    assert error.endswith(
        'Error: --admin: "9901" is not an address to listen on. Fix: write host:port, such as 127.0.0.1:9901, or off.\n'
    )


async def test_an_event_loop_that_is_none_is_refused(tmp_path: Path) -> None:
    error = await refusal("-c", "x.yaml", cwd=tmp_path, environ={"CORSPROXY_LOOP": "uvlop"})
    assert (
        error
        == "corsproxy: CORSPROXY_LOOP=uvlop is no event loop. Fix: uvloop or asyncio, or leave it unset.\n"
    )


async def test_flags_alone_are_a_policy(backend: Backend, tmp_path: Path) -> None:
    public, admin = free_endpoint(), free_endpoint()
    flags = [
        f"--upstream=http://{backend.endpoint}",
        "--allow-origin=https://app.example.com",
        "--allow-origin=https://two.example.com",
        "--allow-credentials",
        "--allow-header=X-Token",
        "--allow-method=PUT",
        f"--listen={public}",
        f"--admin={admin}",
    ]
    async with launch(*flags, cwd=tmp_path) as program:
        line = await program.says("^serving ")
        assert (line["config"], line["listen"]) == ("command line", [f"http://{public}"])
        assert line["admin"] == [f"http://{admin}"]
        assert (await get(admin, "/livez")).endswith(b"\r\n\r\nalive\n")
        answer = await get(public, origin="https://two.example.com")
        assert b"\r\nAccess-Control-Allow-Origin: https://two.example.com\r\n" in answer
        assert b"\r\nAccess-Control-Allow-Credentials: true\r\n" in answer
        program.signal(signal.SIGHUP)
        assert (await program.says("^configuration reloaded$"))["generation"] == 2
        program.signal(signal.SIGTERM)
        assert await program.ended() == (0, "")


async def test_flags_can_do_without_admin_pages(backend: Backend, tmp_path: Path) -> None:
    flags = [f"--upstream=http://{backend.endpoint}", "--allow-origin=https://app.example.com"]
    async with launch(*flags, f"--listen={free_endpoint()}", "--admin=off", cwd=tmp_path) as program:
        assert (await program.says("^serving "))["admin"] == "off"


@pytest.mark.parametrize("named_by", ["-c", "CORSPROXY_CONFIG", "config/corsproxy.yaml"])
async def test_a_file_is_found_and_its_backend_replaced(
    backend: Backend, tmp_path: Path, named_by: str
) -> None:
    public, admin = free_endpoint(), free_endpoint()
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "corsproxy.yaml"
    path.write_text(
        f"upstream: http://127.0.0.1:1\nlisten: {public}\nadmin: {{listen: '{admin}'}}\n"
        "rules: [{path: /**, allow_origins: ['https://app.example.com']}]\n"
    )
    named = ["-c", str(path)] if named_by == "-c" else []
    environ = {"CORSPROXY_CONFIG": str(path) if named_by == "CORSPROXY_CONFIG" else ""}
    async with launch(
        *named, f"--upstream=http://{backend.endpoint}", environ=environ, cwd=tmp_path
    ) as program:
        await program.says("^serving ")
        assert (await get(public)).endswith(b"\r\n\r\nyes")
        # A reload keeps the backend of the command line.
        program.signal(signal.SIGHUP)
        await program.says("^configuration reloaded$")
        assert (await get(public)).endswith(b"\r\n\r\nyes")


async def test_what_lies_in_the_working_directory_is_not_imported(backend: Backend, tmp_path: Path) -> None:
    for name in ("yaml", "pydantic", "asyncio", "click", "types"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working directory')\n")
    public, admin = free_endpoint(), free_endpoint()
    path = tmp_path / "corsproxy.yaml"
    path.write_text(
        f"upstream: http://{backend.endpoint}\nlisten: {public}\nadmin: {{listen: '{admin}'}}\nworkers: 2\n"
        "rules: [{path: /**, allow_origins: ['https://app.example.com']}]\n"
    )
    installed = Path(sys.executable).with_name("corsproxy")  # `python -m` begins with the working directory
    async with launch("-c", path, cwd=tmp_path, command=[installed]) as program:
        await program.says("^serving ")
        assert (await get(public)).endswith(b"\r\n\r\nyes")
