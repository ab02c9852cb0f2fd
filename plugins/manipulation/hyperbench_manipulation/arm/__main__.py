"""``python -m hyperbench_manipulation.arm lift-size``: write the card of a family's expert."""

from __future__ import annotations

import argparse

from hyperbench_manipulation.arm.names import ARM_FAMILIES


def main() -> None:
    """Parse the command line and write one card."""
    parser = argparse.ArgumentParser(prog="python -m hyperbench_manipulation.arm")
    parser.add_argument("family", choices=ARM_FAMILIES, help="whose expert is played")
    parser.add_argument("--episodes", type=int, default=20, help="per task")
    parser.add_argument("--threads", type=int, default=1, help="physics threads")
    arguments = parser.parse_args()

    from hyperbench_manipulation.arm.card import write_card

    write_card(arguments.family, arguments.episodes, arguments.threads)


main()
