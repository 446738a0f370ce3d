"""What is wrong with a configuration, where, why it matters, and how to mend it.

Laws: a Problem is frozen, picklable and complete: whoever prints it needs neither the file nor the
models. Warnings are Problems too; only where they are kept says that nothing was refused. This module
imports no YAML and no models, so that the serving process can.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["COMMAND_LINE", "Code", "ConfigError", "Key", "KeyPath", "Problem", "spell", "visible"]

Key = str | int
KeyPath = tuple[Key, ...]

COMMAND_LINE = "command line"


class Code(StrEnum):
    """Which law a configuration broke: the stable names in `--format json`. What each means is in `codes`."""

    FILE_MISSING = "file_missing"
    FILE_UNREADABLE = "file_unreadable"
    FILE_EMPTY = "file_empty"
    FILE_TOO_LARGE = "file_too_large"
    FILE_ENCODING = "file_encoding"
    LOADER_FAILED = "loader_failed"
    YAML_SYNTAX = "yaml_syntax"
    YAML_FEATURE = "yaml_feature"
    YAML_BOUND = "yaml_bound"
    YAML_GUESS = "yaml_guess"
    DUPLICATE_KEY = "duplicate_key"
    ENVIRONMENT = "environment"
    UNKNOWN_KEY = "unknown_key"
    MISSING_KEY = "missing_key"
    EMPTY_VALUE = "empty_value"
    WRONG_TYPE = "wrong_type"
    WRONG_VALUE = "wrong_value"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    ORIGIN_FORM = "origin_form"
    ORIGIN_ANY = "origin_any"
    ORIGIN_NULL = "origin_null"
    ORIGIN_INSECURE = "origin_insecure"
    ORIGIN_PUBLIC_SUFFIX = "origin_public_suffix"
    ORIGIN_LOOK_ALIKE = "origin_look_alike"
    REGEX = "regex"
    METHOD = "method"
    FIELD_NAME = "field_name"
    FIELD_VALUE = "field_value"
    PATH = "path"
    HOST = "host"
    ADDRESS = "address"
    URL = "url"
    TLS_FILE = "tls_file"
    EXTRA_MISSING = "extra_missing"
    RULE_UNREACHABLE = "rule_unreachable"
    TEST_FAILED = "test_failed"
    # Warnings: allowed, and something that the owner should know.
    DANGEROUS = "dangerous"
    DANGEROUS_UNNEEDED = "dangerous_unneeded"
    UPSTREAM_UNVERIFIED = "upstream_unverified"
    TLS_VALIDITY = "tls_validity"
    TRUSTS_EVERYBODY = "trusts_everybody"
    WEBSOCKET_UNCHECKED = "websocket_unchecked"
    ORIGIN_SHARED_SUFFIX = "origin_shared_suffix"
    ORIGIN_LOCAL_ANY_PORT = "origin_local_any_port"
    ORIGIN_OWN = "origin_own"
    PATH_VARIABLE = "path_variable"
    REPEATED = "repeated"
    AUTHORIZATION_NOT_LISTED = "authorization_not_listed"
    CLIENT_SENDS_RESPONSE_HEADER = "client_sends_response_header"
    HEADER_NEVER_SENT = "header_never_sent"
    HEADER_NOT_FORWARDED = "header_not_forwarded"
    COOKIES_WITHOUT_CREDENTIALS = "cookies_without_credentials"
    MAX_AGE_CAPPED = "max_age_capped"
    PRIVATE_NETWORK_UNUSED = "private_network_unused"
    CANDIDATE_DIFFERS = "candidate_differs"
    SILENCE_UNUSED = "silence_unused"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` and `column` count from 1; 0 where there is no such place."""

    file: str
    line: int
    column: int
    path: str
    what: str
    why: str = ""
    fix: str = ""
    code: Code = Code.WRONG_VALUE

    @property
    def place(self) -> str:
        """The place as editors and terminals understand it: file:line:column, or just the file."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        head = f"{self.place}  {self.path}" if self.path else self.place
        parts = [self.what]
        parts += [f"Why: {self.why}"] if self.why else []
        parts += [f"Fix: {self.fix}"] if self.fix else []
        return "\n".join([visible(head), *(f"  {visible(part)}" for part in parts)])


class ConfigError(Exception):
    """A configuration was refused; `problems` holds every reason, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        # The arguments are what pickle calls the class with again.
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.problems))


def spell(path: KeyPath) -> str:
    """Write a key path as people do: `rules[0].response_headers.set["X-Frame-Options"]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif not key.isidentifier():
            text += f'["{key}"]'
        else:
            text += f".{key}" if text else key
    return text


def visible(text: str) -> str:
    r"""Write what is not printable as an escape (`\n`, `\x1b`): it stays on its line and steers no terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
