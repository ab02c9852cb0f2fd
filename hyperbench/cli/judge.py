"""The command that judges policies from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.options import (
    DataDir,
    Jobs,
    JsonFlag,
    OutputDir,
    Protocol,
    Seeds,
    Suite,
    debugging,
    protocol_named,
)
from hyperbench.cli.plug_in import Plugins
from hyperbench.cli.stopping import goes_on
from hyperbench.disk import data_dir_or_cache


@app.command()
def judge(
    context: typer.Context,
    weights: Annotated[
        Path,
        typer.Argument(
            help="A folder with a file per task, TASK_KEY.safetensors, or a file of policies in "
            "the order of the target tasks."
        ),
    ],
    name: Annotated[
        str, typer.Option("--as", envvar="HYPERBENCH_AS", help="What their row is called.")
    ],
    suite: Suite,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    protocol: Protocol = "quick-v2",
    seeds: Seeds = None,
    jobs: Jobs = 0,
    output_dir: OutputDir = Path("runs"),
    data_dir: DataDir = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge policies from elsewhere on the target tasks, beside the control arms."""
    from hyperbench.commands.executing import Place
    from hyperbench.commands.judge import judge_command
    from hyperbench.executors import Site
    from hyperbench.threads import num_cores

    with goes_on("Finished runs"):
        failed = judge_command(
            weights,
            name,
            suite,
            protocol_named(protocol, seeds),
            Site(output_dir.absolute(), data_dir_or_cache(data_dir).absolute(), num_cores()),
            Place("local", jobs),
            as_json=as_json,
            debug=debugging(context),
        )
    if failed:
        raise typer.Exit(1)
