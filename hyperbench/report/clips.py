"""Clips beside the charts: one judged episode by the expert and by the best learned method."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyperbench.errors import HyperbenchError
from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.registry import installed
from hyperbench.registry.own import DEMONSTRATOR, EXPERT
from hyperbench.report.content import BoardContent, FamilyContent, LabelledRun
from hyperbench.task import TaskSpec
from hyperbench.view.video import check_output, film

SECONDS, FPS = 6, 20
"""Length of each film, in simulated time, and its pictures a second."""


@dataclass(frozen=True)
class Clip:
    """One film, ready to be shown.

    Args:
        title: who plays.
        caption: what is played, and how it ended.
        uri: the film itself, as a ``data:`` URI.
    """

    title: str
    caption: str
    uri: str


def make_clips(content: BoardContent, tell: Callable[[str], None]) -> dict[str, list[Clip]]:
    """Film every family of a board that can be filmed, and tell why another cannot.

    The task is the one on which the board's best learned method has its median score, so that the
    film shows neither its best nor its worst; the episode is the first that was judged there.

    Args:
        content: the board.
        tell: receives lines on what is being done.

    Returns:
        Per family label its films, the expert's first.

    Raises:
        HyperbenchError: the extra ``video`` is not installed.
    """
    check_output(Path("film.mp4"))
    clips = {}
    for family in content.families:
        found = _best_run(content, family)
        if found is None:
            tell(f"{family.label}: no learned method with a score and stored policies to film.")
            continue
        tell(f"{family.label}: filming expert and {found.method} ...")
        try:
            clips[family.label] = _clips(family, found)
        except HyperbenchError as error:
            tell(f"{family.label}: no film. {error}")
    return clips


def _best_run(content: BoardContent, family: FamilyContent) -> LabelledRun | None:
    rows = [row for row in content.board.rows if not row.is_control]
    earned = {row.method: content.board.of_family(row, family.label) for row in rows}
    known = {method: value for method, value in earned.items() if value is not None}
    for best in sorted(known, key=lambda method: -known[method]):
        for found in content.runs:
            if (found.method, found.family) == (best, family.label) and found.run.keeps_policies:
                return found
    return None


def _clips(family: FamilyContent, found: LabelledRun) -> list[Clip]:
    record = found.record
    world = installed().make_family(family.info.id)
    lines = family.table[family.table["run"] == record.key].sort_values("score", kind="stable")
    key = str(lines["task"].iloc[len(lines) // 2])
    targets = [task.key for task in record.targets]
    task = world.task(**dict(zip(family.names, family.targets[key], strict=True)))
    episodes = found.run.episodes()
    first = np.flatnonzero(episodes["task"] == key)[0]
    seed = int(episodes["seed"][first])
    reference = EXPERT if world.info.has_expert else DEMONSTRATOR
    players: list[tuple[str, PolicyBatch]] = []
    if world.info.has_demonstrators:
        players.append((reference, world.reference([task])))
    players.append((found.method, found.run.policies().take([targets.index(key)])))
    where = f"{task.label}, split {record.seeds.split}"
    full = f"; the whole episode returned {episodes['return'][first]:.4g}"
    return [
        Clip(name, f"{where}, first {SECONDS} s{'' if name == reference else full}.", uri)
        for name, uri in ((name, _uri(world, task, batch, seed)) for name, batch in players)
    ]


def _uri(world: TaskFamily, task: TaskSpec, policies: PolicyBatch, seed: int) -> str:
    env = world.make(task)
    steps_per_second = float(env.metadata.get("render_fps", 30))
    env.close()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        film(
            world,
            task,
            policies,
            seed,
            path,
            num_steps=max(1, int(SECONDS * steps_per_second)),
            fps=max(1, min(FPS, int(steps_per_second))),
        )
        return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
