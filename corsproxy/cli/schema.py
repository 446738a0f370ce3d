"""`corsproxy schema`: the JSON Schema of the configuration, for editors and other tools."""

import click

from corsproxy.cli.problems import json_text
from corsproxy.config.jsonschema import schema as schema_of_file

__all__ = ["schema"]


EPILOG = """\b
Example:
  corsproxy schema > corsproxy.schema.json

\b
Editors complete and check a file whose first line names it:
  # yaml-language-server: $schema=corsproxy.schema.json
"""


@click.command(epilog=EPILOG)
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    click.echo(json_text(schema_of_file()))
