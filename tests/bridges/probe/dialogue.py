"""An inquiry without a wire: a function answers what is sent, and everything sent is kept."""

from collections.abc import Callable

from corsproxy.bridges.probe.exchange import Answer, Asked, Failure, Sent
from corsproxy.bridges.probe.report import Report, inquire

__all__ = ["APP", "Origins", "answer", "ask", "field", "of_the_walk"]

APP = "https://app.example.com"
API = "https://api.example.com"
Origins = Callable[[Sent], Answer | Failure]


def answer(status: int = 200, *fields: str, body: bytes = b"", address: str = "") -> Answer:
    """Write an answer; fields as `Name: value`."""
    pairs = (line.partition(": ") for line in fields)
    return Answer(
        status=status,
        fields=tuple((name.encode(), value.encode()) for name, _, value in pairs),
        body=body,
        address=address,
    )


def field(sent: Sent, name: str) -> str | None:
    """Read a field of a request."""
    return next((value for written, value in sent.fields if written.lower() == name), None)


def ask(asked: Asked, server: Origins) -> tuple[Report, list[Sent]]:
    """Let a server answer everything that an inquiry sends."""
    sent: list[Sent] = []
    inquiry = inquire(asked, "marker")
    try:
        question = next(inquiry)
        while True:
            sent.append(question)
            question = inquiry.send(server(question))
    except StopIteration as done:
        report: Report = done.value
        return report, sent


def of_the_walk(sent: list[Sent]) -> list[str]:
    """Say what a browser would have sent: without the questions for caches and whose server it is."""
    return [
        f"{each.method} {each.url}"
        for each in sent
        if "corsproxy-probe" not in each.url
        and field(each, "sec-fetch-mode") != "no-cors"
        and "invalid" not in (field(each, "origin") or "")
    ]
