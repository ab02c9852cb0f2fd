"""The command line. Everything heavy is imported inside the command that needs it."""

from hyperbench.cli import measure, tuning, judge, boards, records, look  # noqa: I001 (the order of commands in --help)
from hyperbench.cli.app import app, main

__all__ = ["app", "boards", "judge", "look", "main", "measure", "records", "tuning"]
