"""The JSON Schema of the file, made from the same models that read it.

Laws: draft 2020-12. Whatever the loader accepts is valid here: so a scalar that is not text may also be
a reference to the environment. No key may be null, because the loader does not take null either.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from corsproxy.config.filekeys import FileKeys

__all__ = ["SCHEMA_ADDRESS", "schema"]

SCHEMA_ADDRESS = "corsproxy.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{", "description": "A reference to the environment: ${NAME}."}
_TYPED = {"boolean", "integer", "number"}


class _Generator(GenerateJsonSchema):
    """Leaves out what pydantic adds for Python's sake."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        generated = super().default_schema(schema)
        if generated.get("default", 0) in (None, {}):
            generated.pop("default")
        return generated

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        generated = super().tagged_union_schema(schema)
        generated.pop("discriminator", None)
        # Not oneOf: a reference to the environment fits several of them.
        return {"anyOf": generated.pop("oneOf"), **generated}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's signature
        return False

    def generate(
        self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation"
    ) -> JsonSchemaValue:
        generated = super().generate(schema, mode)
        return {"$schema": _DIALECT, **generated}


def schema() -> dict[str, Any]:
    """Return the schema of a configuration file."""
    generated: dict[str, Any] = FileKeys.model_json_schema(schema_generator=_Generator)
    with_references: dict[str, Any] = _with_references(generated)
    with_references.setdefault("$defs", {})["Reference"] = _REFERENCE
    return with_references


def _with_references(node: Any) -> Any:
    """Let a reference to the environment stand wherever a scalar of another type than text is due."""
    if isinstance(node, list):
        return [_with_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    walked = {
        key: value if key in {"default", "examples", "enum", "const"} else _with_references(value)
        for key, value in node.items()
    }
    choices = walked.get("enum", [walked["const"]] if "const" in walked else None)
    if walked.get("type") in _TYPED or choices is not None or "pattern" in walked:
        about = {
            key: walked.pop(key) for key in ("description", "default", "examples", "title") if key in walked
        }
        return {**about, "anyOf": [walked, {"$ref": "#/$defs/Reference"}]}
    if "anyOf" in walked:
        walked["anyOf"] = _flattened(walked["anyOf"])
    return walked


def _flattened(alternatives: list[Any]) -> list[Any]:
    """Lift alternatives of alternatives, each once."""
    lifted = [inner for one in alternatives for inner in (one["anyOf"] if set(one) == {"anyOf"} else [one])]
    return [one for at, one in enumerate(lifted) if one not in lifted[:at]]
