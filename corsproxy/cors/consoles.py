"""What Chrome's and Firefox's consoles print of each failure: one table, to predict with and to read with.

Laws: the texts are the browsers' own, with blanks in braces; nothing here decides, a cause follows from
the check that failed. They are those of fetch(). tests/browser/test_console.py compares Chromium's with what
a real one prints; Firefox's are from its localisation files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from corsproxy.cors.browser import BrowserRequest, Verdict
from corsproxy.cors.checks import Cause, Check, Step
from corsproxy.cors.vocabulary import Reason

__all__ = [
    "CAUSES",
    "CHROME",
    "FIREFOX",
    "PREFLIGHT",
    "Cause",
    "Console",
    "Texts",
    "mixed_content",
    "predict",
    "printed",
    "unsendable",
]

CHROME = "Access to {initiator} at '{url}'{led} from origin '{origin}' has been blocked by CORS policy: "
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
FIREFOX = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at {url}. "
    "(Reason: {reason})."
)
_STATUS = " Status code: {status}."
_INCLUDE = "when the request's credentials mode is 'include'."
_DIFFERS = "CORS header ‘Access-Control-Allow-Origin’ does not match ‘{value}’"
_VALID = " Have the server send the header with a valid value."


@dataclass(frozen=True, slots=True)
class Texts:
    """What follows Chrome's beginning, and Firefox's reason; `has_status`: Firefox adds the status.

    `firefox` is empty where it prints nothing.
    """

    chrome: str
    firefox: str
    has_status: bool = False


CAUSES: Mapping[Cause, Texts] = MappingProxyType(
    {
        Cause.ORIGIN_MISSING: Texts(
            "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
            "CORS header ‘Access-Control-Allow-Origin’ missing",
            has_status=True,
        ),
        Cause.ORIGIN_SEVERAL: Texts(
            "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only one is allowed."
            + _VALID,
            "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed",
        ),
        Cause.ORIGIN_DIFFERS: Texts(
            "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the supplied origin."
            + _VALID,
            _DIFFERS,
        ),
        Cause.ORIGIN_INVALID: Texts(
            "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'." + _VALID,
            _DIFFERS,
        ),
        Cause.WILDCARD_WITH_CREDENTIALS: Texts(
            "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' "
            + _INCLUDE,
            "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’",
        ),
        Cause.CREDENTIALS_MISSING: Texts(
            "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' "
            "which must be 'true' " + _INCLUDE,
            "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’",
        ),
        Cause.PREFLIGHT_STATUS: Texts(
            "It does not have HTTP ok status.", "CORS preflight response did not succeed", has_status=True
        ),
        Cause.PREFLIGHT_REDIRECT: Texts(
            "Redirect is not allowed for a preflight request.", "CORS request external redirect not allowed"
        ),
        Cause.METHODS_UNREADABLE: Texts(
            "Cannot parse Access-Control-Allow-Methods response header field in preflight response.",
            "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Methods’",
        ),
        Cause.HEADERS_UNREADABLE: Texts(
            "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
            "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Headers’",
        ),
        Cause.METHOD: Texts(
            "Method {value} is not allowed by Access-Control-Allow-Methods in preflight response.",
            "Did not find method in CORS header ‘Access-Control-Allow-Methods’",
        ),
        Cause.HEADER: Texts(
            "Request header field {value} is not allowed by Access-Control-Allow-Headers in preflight response.",
            "header ‘{value}’ is not allowed according to header ‘Access-Control-Allow-Headers’ "
            "from CORS preflight response",
        ),
        Cause.REDIRECT_CREDENTIALS: Texts(
            "Redirect location '' contains a username and password, which is disallowed for cross-origin requests.",
            "",  # it says nothing
        ),
    }
)
_CHECKED_ACCESS = {
    Step.PREFLIGHT_REDIRECT,
    Step.PREFLIGHT_ORIGIN,
    Step.PREFLIGHT_CREDENTIALS,
    Step.PREFLIGHT_STATUS,
}


@dataclass(frozen=True, slots=True)
class Console:
    """The line that each browser prints; `chrome` is None where only Firefox and Safari refuse.

    `firefox` is empty where it refuses without a word.
    """

    chrome: str | None
    firefox: str


def predict(verdict: Verdict, request: BrowserRequest, url: str, *, status: int = 200) -> Console | None:
    """Say what the consoles print; None where the page gets its answer. `status` is the backend's."""
    if verdict.allowed:
        return None
    failed = verdict.checks[-1]
    if failed.step is Step.SENDABLE:
        return unsendable(failed.subject, is_method=len(verdict.checks) == 1)
    if failed.step is Step.HANDSHAKE:
        return _handshake(url, verdict.actual.status)
    if verdict.preflight is not None and failed.step.startswith("preflight_"):
        status = verdict.preflight.status
    elif verdict.actual.status:
        status = verdict.actual.status
    return printed(failed, url, request.origin or "", status=status, include=request.credentials)


def printed(
    failed: Check, url: str, origin: str, *, status: int, include: bool, first_url: str = "", lines: int = 2
) -> Console | None:
    """Say what the consoles print of a response that failed; None where the check was not of a response.

    `origin` is the page's; `first_url` is what the page called, where redirects led on to `url`;
    `lines` how many lines of Access-Control-Allow-Origin came.
    """
    if failed.cause is None:
        return None
    texts = CAUSES[failed.cause]
    led = f" (redirected from '{first_url}')" if first_url not in {"", url} else ""
    chrome = CHROME.format(initiator="fetch", url=url, origin=origin, led=led)
    chrome += PREFLIGHT if failed.step in _CHECKED_ACCESS else ""
    # A list in one line is to Firefox one value that does not match.
    reason = texts.firefox if failed.cause is not Cause.ORIGIN_SEVERAL or lines > 1 else _DIFFERS
    firefox = FIREFOX.format(url=url, reason=reason.format(value=failed.subject)) if reason else ""
    firefox += _STATUS.format(status=status) if texts.has_status else ""
    if failed.reason is Reason.AUTHORIZATION_NOT_LISTED and not include:
        return Console(None, firefox)  # Chrome lets `*` cover Authorization, with a warning that it will end
    return Console(chrome + texts.chrome.format(value=failed.subject), firefox)


def unsendable(subject: str, *, is_method: bool) -> Console:
    """Say what exception fetch() throws before anything is sent."""
    if not is_method:
        return Console(
            "Uncaught (in promise) TypeError: Failed to execute 'fetch' on 'Window': Invalid name",
            f"Uncaught (in promise) TypeError: Window.fetch: {subject} is an invalid header name.",
        )
    is_forbidden = subject.upper() in {"CONNECT", "TRACE", "TRACK"}
    fault = "HTTP method is unsupported." if is_forbidden else "is not a valid HTTP method."
    return Console(
        f"Uncaught (in promise) TypeError: Failed to execute 'fetch' on 'Window': '{subject}' {fault}",
        f"Uncaught (in promise) TypeError: Window.fetch: Invalid request method {subject}.",
    )


def mixed_content(url: str, page: str) -> Console:
    """Say what the consoles print of an https page, at the root of the origin `page`, that calls http."""
    return Console(
        f"Mixed Content: The page at '{page}/' was loaded over HTTPS, but requested an insecure resource '{url}'. "
        "This request has been blocked; the content must be served over HTTPS.",
        f"Blocked loading mixed active content “{url}”",
    )


def _handshake(url: str, status: int) -> Console:
    address = f"ws{url.removeprefix('http')}" if url.startswith("http") else url
    return Console(
        f"WebSocket connection to '{address}' failed: "
        f"Error during WebSocket handshake: Unexpected response code: {status}",
        f"Firefox can’t establish a connection to the server at {address}.",
    )
