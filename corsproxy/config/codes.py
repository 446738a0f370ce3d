"""What each code of a problem or warning means: one table for the documentation, SARIF and `silence:`.

Laws: every Code has its row, and docs/check.md says the same (a test compares). A warning whose
key is promised to be logged at every start cannot be silenced by the file that has the key.
"""

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from corsproxy.config.problem import Code

__all__ = ["MEANINGS", "SILENCEABLE", "WARNINGS", "Meaning", "nearest"]


class Meaning(NamedTuple):
    """`title` is a phrase; `help` says why it matters or what to do; `is_fixed`: cannot be silenced."""

    title: str
    help: str
    is_warning: bool = False
    is_security: bool = False
    is_fixed: bool = False


MEANINGS: Mapping[Code, Meaning] = MappingProxyType(
    {
        # -- refused
        Code.FILE_MISSING: Meaning("There is no such file", "Check the path, or create the file."),
        Code.FILE_UNREADABLE: Meaning("The file cannot be read", "Give whoever runs corsproxy the right to read it."),
        Code.FILE_EMPTY: Meaning("The file says nothing", "Begin with upstream: and rules:."),
        Code.FILE_TOO_LARGE: Meaning("The file is larger than 8 MiB", "A policy of that size needs patterns, not lists."),
        Code.FILE_ENCODING: Meaning("The file is not plain UTF-8", "Save it as UTF-8 without a byte order mark."),
        Code.LOADER_FAILED: Meaning("The process that loads the file failed", "Run `corsproxy check` on it to see more."),
        Code.YAML_SYNTAX: Meaning("This is not YAML", "Mend it at the place that is named."),
        Code.YAML_FEATURE: Meaning("YAML's tags, merge keys and further documents are not read", "Write the value plainly."),
        Code.YAML_BOUND: Meaning("The file is too deep or too large", "What aliases stand for is counted as if written out."),
        Code.YAML_GUESS: Meaning("YAML readers disagree about a value", "Quote it if text is meant, or write it plainly."),
        Code.DUPLICATE_KEY: Meaning("A key stands twice in one mapping", "YAML readers disagree about which counts: keep one."),
        Code.ENVIRONMENT: Meaning("A reference to the environment leads nowhere", "Set the variable, or write ${NAME:-default}."),
        Code.UNKNOWN_KEY: Meaning("There is no such key", "An unknown key is refused, so that no option is silently without effect."),
        Code.MISSING_KEY: Meaning("A key is missing", "Write it; the message has an example."),
        Code.EMPTY_VALUE: Meaning("A key has no value", "Give it one, or remove the key."),
        Code.WRONG_TYPE: Meaning("A value is of another type", "Write text, a number, true or false, a list or a mapping, as the key wants it."),
        Code.WRONG_VALUE: Meaning("A value is not one that the key can have", "Write one of those that are named."),
        Code.CONFLICT: Meaning("Two keys contradict each other", "Keep one, or add what the other needs."),
        Code.DUPLICATE: Meaning("Two things have one name or one address", "Logs, metrics and sockets could not tell them apart."),
        Code.ORIGIN_FORM: Meaning("No browser sends an origin in this form", "Browsers send scheme://host[:port] in one exact form, and it is compared byte for byte."),
        Code.ORIGIN_ANY: Meaning('"*" stands beside other origins or with credentials', "With credentials any site could read with the visitor's cookies.", is_security=True),
        Code.ORIGIN_NULL: Meaning('"null" lets in nearly everybody', 'Any site can make a sandboxed frame whose origin is "null".', is_security=True),
        Code.ORIGIN_INSECURE: Meaning("An http:// origin may use credentials", "Whoever is on the visitor's network can act as that page.", is_security=True),
        Code.ORIGIN_PUBLIC_SUFFIX: Meaning("A wildcard stands right below a public suffix", "Anyone can register a name below a public suffix.", is_security=True),
        Code.ORIGIN_LOOK_ALIKE: Meaning("A pattern lets in an attacker's look-alike", "Spell the domain out, and leave open only what is in front of it.", is_security=True),
        Code.REGEX: Meaning("A regular expression cannot be used", "It is RE2's syntax, and must match whole origins that browsers send."),
        Code.METHOD: Meaning("A method cannot be allowed as it is written", "Methods compare with case; CONNECT, TRACE and TRACK are forbidden to pages."),
        Code.FIELD_NAME: Meaning("A field's name cannot stand here", "It is no name, or the proxy or the browser keeps it to itself."),
        Code.FIELD_VALUE: Meaning("A field's value cannot be sent", "Write plain text on one line."),
        Code.PATH: Meaning("A path cannot match as meant", "* and ** stand for what is open; paths are no regular expressions."),
        Code.HOST: Meaning("This is not a host name", "Write the name alone, in lower case, without scheme, port or *."),
        Code.ADDRESS: Meaning("This is not an address or network", "Write host:port, unix:/path, or a network such as 10.0.0.0/8."),
        Code.URL: Meaning("This is not the URL of a backend", "Write http://, https:// or unix:, a host that can be looked up, and no path."),
        Code.TLS_FILE: Meaning("A certificate or key cannot be used", "Give PEM files that can be read and belong together."),
        Code.EXTRA_MISSING: Meaning("A key needs packages that are not installed", "Install the extra that the message names."),
        Code.RULE_UNREACHABLE: Meaning("A rule can never match", "Rules are tried in order, and an earlier one takes everything.", is_security=True),
        Code.TEST_FAILED: Meaning("A test of the policy failed", "Mend the rule, or the test if the rule is right."),
        # -- warned about
        Code.DANGEROUS: Meaning("A key that begins with dangerously_ is on", "It lets through what is refused otherwise, and is logged at every start.", is_warning=True, is_security=True, is_fixed=True),
        Code.DANGEROUS_UNNEEDED: Meaning("A key that begins with dangerously_ is on, and nothing needs it", "Remove it: it would let through what somebody adds later.", is_warning=True, is_security=True, is_fixed=True),
        Code.UPSTREAM_UNVERIFIED: Meaning("The backend's certificate is not checked", "Whoever is between the proxy and the backend can read and change everything.", is_warning=True, is_security=True, is_fixed=True),
        Code.TLS_VALIDITY: Meaning("A certificate is not valid now, or not for long", "Clients refuse it then; renew it, and the new files are taken without a restart.", is_warning=True),
        Code.TRUSTS_EVERYBODY: Meaning("trusted_proxies holds every address", "Any client can then claim another address, scheme and host.", is_warning=True, is_security=True),
        Code.WEBSOCKET_UNCHECKED: Meaning("WebSocket handshakes are not checked", "Browsers make no CORS check for them: any site can open one with the visitor's cookies.", is_warning=True, is_security=True),
        Code.ORIGIN_SHARED_SUFFIX: Meaning("A pattern ends in * on a shared platform's domain", "Whoever registers a name there that begins alike is let in.", is_warning=True, is_security=True),
        Code.ORIGIN_LOCAL_ANY_PORT: Meaning("Any local port may use credentials", "Every program that serves pages on the visitor's machine is let in: for development, not for production.", is_warning=True, is_security=True),
        Code.ORIGIN_OWN: Meaning("An origin of public_origins is listed in a rule", "Requests from it count as same-origin and never get a CORS field.", is_warning=True),
        Code.PATH_VARIABLE: Meaning("A path has a variable as in the routes of Express", "Here :id stands for itself: * is one segment, ** any number.", is_warning=True),
        Code.REPEATED: Meaning("An entry stands twice in one list", "One of the two can go; perhaps another was meant.", is_warning=True),
        Code.AUTHORIZATION_NOT_LISTED: Meaning('"*" does not include Authorization', "As in the Fetch standard; name it if pages send tokens.", is_warning=True),
        Code.CLIENT_SENDS_RESPONSE_HEADER: Meaning("allow_headers names a field of answers", "No request should carry it: mend the page that sends it.", is_warning=True),
        Code.HEADER_NEVER_SENT: Meaning("allow_headers names a field that no page can set", "No browser ever asks for it.", is_warning=True),
        Code.HEADER_NOT_FORWARDED: Meaning("allow_headers names a field that the proxy does not pass on", "Names with an underscore look like another's to a WSGI server: write a hyphen.", is_warning=True),
        Code.COOKIES_WITHOUT_CREDENTIALS: Meaning("Cookies are made to travel between sites, and the rule has no credentials", "Pages on other origins cannot send them.", is_warning=True),
        Code.MAX_AGE_CAPPED: Meaning("max_age is longer than most browsers keep", "Chromium keeps a preflight's answer for two hours, Safari for ten minutes, Firefox for a day.", is_warning=True),
        Code.PRIVATE_NETWORK_UNUSED: Meaning("No current browser asks for private network access", "Local Network Access took its place: a permission of the visitor's, which no field grants.", is_warning=True),
        Code.CANDIDATE_DIFFERS: Meaning("The candidate changes more than its policy", "Its rules and public origins are compared; the rest takes effect when it becomes the live file.", is_warning=True),
        Code.SILENCE_UNUSED: Meaning("silence names a warning that does not come up", "Remove it, so that it hides nothing later.", is_warning=True),
    }
)  # fmt: skip

WARNINGS = tuple(code for code, meaning in MEANINGS.items() if meaning.is_warning)
SILENCEABLE = tuple(code for code in WARNINGS if not MEANINGS[code].is_fixed)


def nearest(name: str, among: Sequence[Code] = WARNINGS) -> str:
    """Say which code of a warning may have been meant: how to go on after an unknown one."""
    near = difflib.get_close_matches(name.lower().replace("-", "_"), among, n=1, cutoff=0.5)
    return f"write {near[0]}" if near else f"write one of: {', '.join(among)}"
