"""What every section of the file obeys, and the shapes that several share.

Laws: types are strict, unknown keys are refused, nothing is optional by being null. What a value must
look like beyond its type is decided by the checks, which know the place and the way to mend it.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

__all__ = ["OneOrMany", "Section", "Text", "described", "text_or"]

Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A mapping in the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def described(description: str, examples: list[Any] | None = None, **more: Any) -> Any:
    """Describe a key: the text is what editors show and what the JSON Schema says."""
    return Field(description=description, examples=examples, **more)


def text_or(name: str, kind: type) -> Discriminator:
    """Choose between text and a mapping or list by the type of the value, so that only one of them complains."""

    def choose(value: object) -> str | None:
        if isinstance(value, str):
            return "text"
        return name if isinstance(value, kind) else None

    # The kind is in the type, because a context would make the annotation unhashable.
    return Discriminator(choose, custom_error_type=f"neither_text_nor_{name}", custom_error_message="neither")


OneOrMany = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[Text], Field(min_length=1), Tag("list")],
    text_or("list", list),
]
