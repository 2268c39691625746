"""`octobatch schema`: what config.yaml may say, for editors."""

import click

__all__ = ["command"]


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a pipeline's config.yaml, for editors."""
    import orjson

    from flows.pipes import out
    from pipelines.config_schema import config_schema

    out(orjson.dumps(config_schema(), option=orjson.OPT_INDENT_2))
