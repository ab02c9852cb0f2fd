"""Every committed board, measured: what is run, and in which order.

``python measure.py plan`` lists the commands, ``run RUNS`` carries them out, family by family, and
keeps each family that is whole in ``docs/findings/unfinished``, in bundles; what is kept there, or
finished in ``RUNS``, is not measured again. ``publish`` makes boards of those of which every family
is kept. Measure from a clone of its own at a fixed commit: from a board's first run to its last
nothing that fingerprints cover may change.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
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
BOARDS = Path(__file__).parent
UNFINISHED = BOARDS.parent / "docs" / "findings" / "unfinished"
FEW_SHOT = ("maml", "pearl", "hypogen-finetuned", "conditional-finetuned")
MATCHED = ("hyperzero", "conditional")
"""Also measured at HyPoGen's size."""


@dataclass(frozen=True)
class Part:
    """What is measured together, and published as a board if it is all of one.

    Args:
        suite: of the board.
        protocol: the rules.
        pattern: of its families' names in the suite.
        methods: beside the control arms.
    """

    suite: str
    protocol: str
    pattern: str = ".*"
    methods: tuple[str, ...] = METHODS

    @property
    def kept(self) -> Path:
        """The folder of what is kept of it: a board for each family, and for its controls."""
        return UNFINISHED / f"{self.suite}-{self.protocol}"

    def families(self) -> list[str]:
        """The ids of its families."""
        pattern = re.compile(f"{self.suite}/{self.pattern}-v\\d+")
        return [id_ for id_ in installed().select_families(self.suite) if pattern.fullmatch(id_)]

    def steps(self) -> list[Step]:
        """Family by family, all methods, and the two at HyPoGen's size."""
        return [
            Step(
                self,
                family,
                (self._words(family, self.methods), self._words(family, MATCHED, "preset=matched")),
            )
            for family in self.families()
        ]

    def controls(self) -> list[Step]:
        """The best two learned methods with permuted specs, which the board has to tell."""
        [board] = make_boards(find_runs([self.kept]))
        names = (without_track(row.method) for row in board.rows)
        best = [name for name in names if name in self.methods and name != "spec-blind"][:2]
        rows = tuple(f"{name} (shuffled-spec)" for name in best)
        return [
            Step(self, family, ((*self._words(family, best), "--shuffled-spec"),), rows)
            for family in self.families()
        ]

    def _words(self, family: str, methods: Sequence[str], *settings: str) -> tuple[str, ...]:
        asked = [word for name in methods for word in ("-m", name)]
        said = [word for setting in settings for word in ("--set", setting)]
        return ("run", "--no-baselines", *asked, *said, "-s", family, "-p", self.protocol)


@dataclass(frozen=True)
class Step:
    """What is kept whole or not at all.

    Args:
        part: that it belongs to.
        family: that is learned; it names the folder of its runs.
        commands: what ``hyperbench`` takes, without a folder.
        rows: that are kept, with the control arms; all if none are named.
    """

    part: Part
    family: str
    commands: tuple[tuple[str, ...], ...]
    rows: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The family, and what is kept of it if that is not all."""
        return self.family.partition("/")[2] + ("-shuffled" if self.rows else "")

    @property
    def kept(self) -> Path:
        """The folder of its board."""
        return self.part.kept / self.name

    def run(self, runs: Path, more: Sequence[str]) -> bool:
        """Carry it out, unless it is kept, and keep it; whether it is kept now."""
        if self.kept.is_dir():
            return True
        folder = runs / self.part.kept.name / self.family.partition("/")[2]
        for words in self.commands:
            hyperbench([*words, "-o", str(folder), *more])
        missing = sum(state.state not in ("done", "failed") for state in run_states(folder))
        if missing:
            print(f"{folder}: {missing} planned runs are not finished; it is not kept.")
            return False
        rows = [word for row in self.rows for word in ("--method", row)]
        return hyperbench(["publish", str(folder), "--board-dir", str(self.kept), *rows]) == 0


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
    """Carry out every part; returns how many steps are not whole."""
    failed = 0
    for part in PARTS:
        if chosen not in part.kept.name:
            continue
        steps = part.steps()
        lacking = [step for step in steps if not step.run(runs, more)]
        if not lacking:
            lacking = [step for step in part.controls() if not step.run(runs, more)]
        failed += len(lacking)
    return failed


def publish(chosen: str) -> int:
    """Publish the parts of which every step is kept; returns how many could not be."""
    failed = 0
    for part in PARTS:
        if chosen not in part.kept.name or not part.kept.is_dir():
            continue
        missing = [step.name for step in part.steps() if not step.kept.is_dir()]
        missing = missing or [step.name for step in part.controls() if not step.kept.is_dir()]
        if missing:
            print(f"{part.kept.name} is left out; missing: {', '.join(missing)}.")
            continue
        failed += hyperbench(["publish", str(part.kept), "--board-dir", str(BOARDS)]) > 0
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
            if chosen.only in part.kept.name:
                for step in part.steps():
                    for words in step.commands:
                        print("hyperbench", shlex.join(words))
        return 0
    if chosen.what == "publish":
        return publish(chosen.only)
    return run(chosen.runs, chosen.only, more)


if __name__ == "__main__":
    sys.exit(main())
