"""Every committed board, measured: what is run, and in which order.

``python measure.py plan`` lists the commands, ``run RUNS`` carries them out and goes on where it
was, ``publish RUNS`` publishes the boards that are complete. Measure from a clone of its own at a
fixed commit: from a board's first run to its last nothing that fingerprints cover may change.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperbench.boards.leaderboard import make_boards
from hyperbench.measuring.plans import run_states
from hyperbench.records.find import find_runs
from hyperbench.registry import installed
from hyperbench.run import without_track

METHODS = (
    *("hypogen", "hyperzero", "conditional", "uvfa", "film", "decision-adapter"),
    *("bias-hyperinit", "interpolation", "nearest-clone", "kernel-clones", "spec-blind"),
)
FEW_SHOT = ("maml", "pearl", "hypogen-finetuned", "conditional-finetuned")
MATCHED = ("hyperzero", "conditional")
"""Also measured at HyPoGen's size."""


@dataclass(frozen=True)
class Part:
    """What is measured together, and published as a board if it is all of one.

    Args:
        suite: of the board.
        protocol: the rules.
        families: a pattern of their names in the suite.
        methods: beside the control arms.
    """

    suite: str
    protocol: str
    families: str = ".*"
    methods: tuple[str, ...] = METHODS

    @property
    def folder(self) -> str:
        """Where its runs go, below that of all."""
        return f"{self.suite}-{self.protocol}"

    def measured(self) -> list[str]:
        """The ids of its families."""
        pattern = re.compile(f"{self.suite}/{self.families}-v\\d+")
        return [id_ for id_ in installed().select_families(self.suite) if pattern.fullmatch(id_)]

    def commands(self, runs: Path) -> Iterator[list[str]]:
        """Family by family, all methods, then the two at HyPoGen's size."""
        for family in self.measured():
            yield self._command(family, runs, self.methods)
            yield self._command(family, runs, MATCHED, "--set", "preset=matched")

    def controls(self, runs: Path) -> Iterator[list[str]]:
        """The best two learned methods with permuted specs, which the board has to tell."""
        [board] = make_boards(find_runs([runs / self.folder]))
        names = (without_track(row.method) for row in board.rows)
        learned = [name for name in names if name in self.methods and name != "spec-blind"]
        for family in self.measured():
            yield self._command(family, runs, learned[:2], "--shuffled-spec")

    def _command(self, family: str, runs: Path, methods: Sequence[str], *more: str) -> list[str]:
        asked = [word for name in methods for word in ("-m", name)]
        where = ["-s", family, "-p", self.protocol, "-o", str(runs / self.folder)]
        return ["run", "--no-baselines", *asked, *more, *where]


PARTS = (
    Part("locomotion", "standard-v1"),
    Part("tracking", "standard-v1"),
    Part("manipulation", "standard-v1", "(goal|frame)-.*"),
    Part("independent", "standard-v1"),
    Part("inversion", "standard-v1"),
    Part("pointmass", "standard-v1"),
    Part("locomotion", "gap-v1", "[a-z]+-speed"),
    Part("tracking", "gap-v1", "[a-z]+-speed"),
    Part("locomotion", "few-shot-v1", "(cheetah|walker)-speed", (*METHODS, *FEW_SHOT)),
    Part("tracking", "few-shot-v1", "(cheetah|walker)-speed", (*METHODS, *FEW_SHOT)),
    Part("manipulation", "one-fit-v1", "(lift|pick)-.*"),
)
"""In the order in which they are wanted."""


def run(runs: Path, chosen: str, more: list[str]) -> int:
    """Carry out every part; what is finished is passed over by the command itself."""
    failed = 0
    for part in PARTS:
        if chosen not in part.folder:
            continue
        failed += sum(hyperbench([*words, *more]) > 0 for words in part.commands(runs))
        failed += sum(hyperbench([*words, *more]) > 0 for words in part.controls(runs))
    return failed


def publish(runs: Path, chosen: str, more: list[str]) -> int:
    """Publish the parts of which every planned run is finished."""
    failed = 0
    for part in PARTS:
        folder = runs / part.folder
        if chosen not in part.folder or not folder.is_dir():
            continue
        missing = sum(state.state != "done" for state in run_states(folder))
        if missing:
            print(f"{part.folder}: {missing} planned runs are not finished; it is left out.")
            continue
        failed += hyperbench(["publish", str(folder), *more]) > 0
    return failed


def hyperbench(words: list[str]) -> int:
    """Carry out a command, and say which."""
    print("+ hyperbench", shlex.join(words), flush=True)
    return subprocess.run([sys.executable, "-m", "hyperbench", *words], check=False).returncode  # noqa: S603 -- our own


def main() -> int:
    """Plan, run or publish."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("plan", "run", "publish"))
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs"))
    parser.add_argument("--only", default="", help="parts whose suite and protocol have this")
    chosen, more = parser.parse_known_args()
    if chosen.what == "plan":
        for part in PARTS:
            if chosen.only in part.folder:
                for words in part.commands(chosen.runs):
                    print("hyperbench", shlex.join(words))
        return 0
    return (run if chosen.what == "run" else publish)(chosen.runs, chosen.only, more)


if __name__ == "__main__":
    sys.exit(main())
