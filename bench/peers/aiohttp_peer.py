"""What one writes first in Python: aiohttp's `web.Server` in front of its `ClientSession`, on uvloop."""

from bench.peers.peer import ROOT, Command, Place, Takes, first_line, venv_python

__all__ = ["Aiohttp"]


class Aiohttp:
    name = "aiohttp"
    takes: Takes = "everything"
    differences = (
        "answers of up to 64 KiB are read whole before they are sent, larger ones streamed: the faster way for both",
        "the low-level web.Server, without aiohttp's routing and middlewares",
    )

    def missing(self) -> str:
        return "" if venv_python().exists() else "no environment with aiohttp (python -m bench setup)"

    def version(self) -> str:
        code = "import aiohttp, uvloop; print(f'{aiohttp.__version__}, uvloop {uvloop.__version__}')"
        return first_line(str(venv_python()), "-c", code)

    def command(self, place: Place) -> Command:
        argv = [str(venv_python()), "-m", "bench.peers.aiohttp_proxy", str(place.port), str(place.backend)]
        return Command(argv, {"PYTHONPATH": str(ROOT)})
