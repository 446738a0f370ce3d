"""References to the environment in scalars: `${NAME}` and `${NAME:-default}`.

Laws: as in a shell, an empty variable takes the default too; `$${` is a literal `${`; what a variable
holds is not searched again; anything else that begins with `${` is a mistake, not text.
"""

import re
from collections.abc import Mapping

__all__ = ["BadReference", "substitute"]

# reference = "${" NAME [ ":-" default ] "}"
_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{(?P<bad>[^}]*\}?)"
)


class BadReference(ValueError):  # noqa: N818 -- it names what was found, as the texts for people do
    """A reference that has no value; `what` and `fix` are for people."""

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(what)


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Replace all references in one scalar; raises BadReference."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        name, default = found["name"], found["default"]
        if name is None:
            raise BadReference(
                f"{found[0]} is not a reference to the environment.",
                "write ${NAME} or ${NAME:-default}; for the characters themselves write $${",
            )
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            raise BadReference(
                f"The environment has no {name}.",
                f"set {name}, or give a default: ${{{name}:-value}}",
            )
        return environ[name]

    return _REFERENCE.sub(value, text) if "${" in text else text
