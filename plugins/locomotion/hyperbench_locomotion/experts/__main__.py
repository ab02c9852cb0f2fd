"""``python -m hyperbench_locomotion.experts train | export | evaluate | pairs``."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path

from hyperbench_locomotion.experts.settings import PRESETS, Settings
from hyperbench_locomotion.plugin import FAMILIES


def _truth(word: str) -> bool:
    if word not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{word!r} is neither true nor false")
    return word == "true"


def main() -> None:
    """Parse the command line and run one command."""
    parser = argparse.ArgumentParser(prog="python -m hyperbench_locomotion.experts")
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a network, or go on with its training")
    train.add_argument("preset", choices=PRESETS, help="whose settings to use")
    train.add_argument("folder", type=Path, help="for checkpoints and progress")
    train.add_argument("--threads", type=int, default=1, help="physics threads")
    for field in fields(Settings):
        kind = {"str": str, "int": int, "float": float, "bool": _truth}[str(field.type)]
        flag = f"--{field.name.replace('_', '-')}"
        train.add_argument(flag, type=kind, dest=field.name, help="override the preset")

    export = commands.add_parser("export", help="ship trained networks with the package")
    export.add_argument("folders", type=Path, nargs="+", help="of trainings of one body and suite")
    export.add_argument(
        "--least-speed", type=float, default=0.0, help="present slower targets as this one"
    )

    evaluate = commands.add_parser("evaluate", help="play a family's experts and write its card")
    evaluate.add_argument("family", help="e.g. locomotion/cheetah-speed-v1")
    evaluate.add_argument("--episodes", type=int, default=10, help="per task")
    evaluate.add_argument("--threads", type=int, default=1, help="physics threads")

    pairs = commands.add_parser("pairs", help="what the best two experts earn, one each way")
    speeds = {entry.id: entry for entry in FAMILIES if "speed" in entry.arguments["features"]}
    pairs.add_argument("family", choices=speeds, metavar="family", help="one that varies speed")
    pairs.add_argument("--threads", type=int, default=1, help="physics threads")

    arguments = parser.parse_args()
    if arguments.command == "train":
        from hyperbench_locomotion.experts.train import train as run_training

        named = {f.name: getattr(arguments, f.name) for f in fields(Settings)}
        overrides = {name: value for name, value in named.items() if value is not None}
        settings = replace(PRESETS[arguments.preset], **overrides)
        command = f"{parser.prog} {shlex.join(sys.argv[1:])}"
        run_training(settings, arguments.folder, arguments.threads, command)
    elif arguments.command == "export":
        from hyperbench_locomotion.experts.export import export as run_export

        run_export(arguments.folders, arguments.least_speed)
    elif arguments.command == "pairs":
        from hyperbench_locomotion.experts.pairs import report_pairs
        from hyperbench_locomotion.families import LocomotionFamily

        report_pairs(LocomotionFamily(**speeds[arguments.family].arguments), arguments.threads)
    else:
        from hyperbench_locomotion.experts.evaluate import evaluate as run_evaluation

        run_evaluation(arguments.family, arguments.episodes, arguments.threads)


main()
