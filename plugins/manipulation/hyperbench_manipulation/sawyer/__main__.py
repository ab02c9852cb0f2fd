"""``python -m hyperbench_manipulation.sawyer``: draw the layouts, measure the experts."""

from __future__ import annotations

import argparse

from hyperbench_manipulation.sawyer.draw import draw
from hyperbench_manipulation.sawyer.evaluate import evaluate
from hyperbench_manipulation.sawyer.names import FRAME_FAMILIES, GOAL_FAMILIES


def main() -> None:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m hyperbench_manipulation.sawyer")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("draw", help="draw every task's layouts and write them to the package")
    play = commands.add_parser("evaluate", help="play a family's experts and write its card")
    play.add_argument("families", nargs="*", default=[*GOAL_FAMILIES, *FRAME_FAMILIES])
    play.add_argument("--episodes", type=int, default=10, help="per task")
    play.add_argument("--threads", type=int, default=1, help="physics threads")
    arguments = parser.parse_args()
    if arguments.command == "draw":
        draw()
    else:
        for name in arguments.families:
            evaluate(name, arguments.episodes, arguments.threads)


if __name__ == "__main__":
    main()
