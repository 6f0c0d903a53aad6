"""What several commands have in common: how the store is named, lists are written, and lines are said."""

import click

from nnsweep.masking import masked
from nnsweep.messages import visible

store_option = click.option("--uri", help="The store; MLFLOW_TRACKING_URI or sqlite:///mlflow.db if not given.")


def listed(text: str | None) -> tuple[str, ...]:
    """Part a list that is written with commas."""
    return tuple(part.strip() for part in text.split(",")) if text else ()


def say(text: str) -> None:
    """Print one line, without secrets, and without anything that a terminal would obey."""
    print(masked(visible(text)))
