"""What the studies share: cells are measured whole, kept in bundles, and read from both places.

``plan`` lists the commands of the cells, ``run RUNS`` carries them out, ``keep RUNS`` writes those
that are whole into the study's bundles, which are committed, and ``page`` writes the page of what
there is. What is kept is not measured again.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pages import HERE

from hyperbench.api.reading import data_root
from hyperbench.files import new_folder
from hyperbench.measuring.plan import plan
from hyperbench.protocol import STANDARD
from hyperbench.records.bundled import open_run
from hyperbench.records.bundling import write_bundles
from hyperbench.records.find import RECORDS, runs_below
from hyperbench.registry import installed, use_plugins


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Args:
        name: of the row.
        methods: that are measured.
        settings: as of ``--set``.
        family: what is learned.
        protocol: the rules.
        splits: the first of the protocol's.
        sweep: whether settings have several values.
    """

    name: str
    methods: tuple[str, ...]
    settings: tuple[str, ...] = ()
    family: str = ""
    protocol: str = STANDARD.id
    splits: int = 5
    sweep: bool = False

    def command(self, runs: Path, plugins: Sequence[Path]) -> list[str]:
        """What is done."""
        words = ["run", "--no-baselines"]
        words += [word for plugin in plugins for word in ("--plugin", str(plugin))]
        words += ["-s", self.family, "-p", self.protocol, "--seeds", str(self.splits)]
        words += [word for method in self.methods for word in ("-m", method)]
        words += [word for setting in self.settings for word in ("--set", setting)]
        return [*words, *(["--sweep"] if self.sweep else []), "-o", str(runs)]

    def keys(self) -> list[str]:
        """Of its runs."""
        registry = installed()
        rules = registry.protocol(self.protocol).with_seeds(str(self.splits))
        planned = plan(
            *(registry, self.methods, self.family, rules),
            baselines=False,
            settings=self.settings,
            sweep=self.sweep,
            data_dir=data_root(None),
        )
        return [run.key for run in planned]


@dataclass(frozen=True)
class Study:
    """Cells, and where their runs are kept.

    Args:
        name: of its folder beside this file, which has the bundles.
        plugins: the files that register its families and protocols.
        cells: in the order in which they are measured.
    """

    name: str
    plugins: Sequence[Path]
    cells: Sequence[Cell]

    @property
    def kept(self) -> Path:
        """The folder of its bundles."""
        return HERE / self.name

    def finished(self, runs: Path | None = None) -> dict[str, Path]:
        """Where its runs are, by key; a kept one goes before one in a folder of its own."""
        folders = [folder for folder in (runs, self.kept) if folder and folder.is_dir()]
        return {path.name: path for folder in folders for path in runs_below(folder).values()}

    def run(self, runs: Path, more: Sequence[str]) -> int:
        """Carry out every cell that is not kept whole; returns how many commands failed."""
        failed, kept = 0, self.finished()
        for cell in self.cells:
            if kept.keys() >= set(cell.keys()):
                continue
            words = [*cell.command(runs, self.plugins), *more]
            print("+ hyperbench", shlex.join(words), flush=True)
            done = subprocess.run([sys.executable, "-m", "hyperbench", *words], check=False)  # noqa: S603 -- our own
            failed += done.returncode > 0
        return failed

    def whole(self, runs: Path) -> dict[Cell, list[Path]]:
        """The cells of which every run is there, and their runs."""
        found = self.finished(runs)
        return {
            cell: [found[key] for key in keys]
            for cell in self.cells
            if found.keys() >= set(keys := cell.keys())
        }

    def keep(self, runs: Path) -> None:
        """Write the runs of whole cells, those kept before among them, into the bundles.

        Which policy of a row a bundle keeps depends on all runs of the row, so only whole cells are
        kept.
        """
        by_protocol: dict[str, set[Path]] = {}
        for cell, places in self.whole(runs).items():
            by_protocol.setdefault(cell.protocol, set()).update(places)
        for protocol, found in by_protocol.items():
            folder = self.kept / protocol / RECORDS
            folder.parent.mkdir(parents=True, exist_ok=True)
            with new_folder(folder, "Choose another study.", ("*",)) as draft:
                write_bundles(draft, [open_run(place) for place in sorted(found)], installed())
            print(f"{len(found)} runs in {folder}")

    def main(self, description: str, write: Callable[[Path], None]) -> int:
        """Do what the command line says."""
        parser = argparse.ArgumentParser(description=description.splitlines()[0])
        parser.add_argument("what", choices=("plan", "run", "keep", "page"))
        parser.add_argument("runs", type=Path, nargs="?", default=Path(self.name))
        chosen, more = parser.parse_known_args()
        use_plugins([str(plugin) for plugin in self.plugins])
        if chosen.what == "plan":
            for cell in self.cells:
                print("hyperbench", shlex.join(cell.command(chosen.runs, self.plugins)))
        elif chosen.what == "run":
            return self.run(chosen.runs, more)
        else:
            {"keep": self.keep, "page": write}[chosen.what](chosen.runs)
        return 0
