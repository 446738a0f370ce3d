"""`corsproxy schema`: the JSON Schema of the configuration, for editors and other tools."""

import json

import click

from corsproxy.config.jsonschema import schema as schema_of_file

__all__ = ["schema"]


@click.command()
def schema() -> None:
    r"""Print the JSON Schema of the configuration.

    Editors complete and check a file whose first line names it:

    \b
      # yaml-language-server: $schema=corsproxy.schema.json
    """
    click.echo(json.dumps(schema_of_file(), indent=2, ensure_ascii=False))
