"""Weights & Biases: each fit is a run of the project ``hyperbench``, and so is each board.

Without ``WANDB_MODE`` nothing leaves this machine: ``wandb sync`` uploads later what was kept. A
run that is fitted again is another run there, with the same ``key`` in its config.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Nothing leaves this machine unless the user asks for it; read when wandb is imported.
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")

import wandb

from hyperbench import Listener
from hyperbench.boards.row import Board
from hyperbench.boards.tables import markdown, score_table
from hyperbench.events import Event
from hyperbench.records.record import RunRecord
from hyperbench.run import Run
from hyperbench_trackers.common import EXPERIMENT, folder_of, settings_of, tags_of

_LONGEST_TAG = 64


class WeightsAndBiases(Listener):
    """Writes ``trackers/wandb`` in the folder of runs, or where ``WANDB_DIR`` says.

    ``WANDB_MODE``, ``WANDB_PROJECT`` and its other variables count.
    """

    def __init__(self, runs: Path) -> None:
        super().__init__(runs)
        self._folder = Path(os.environ.get("WANDB_DIR") or folder_of(runs, "wandb"))
        self._open: dict[str, Any] = {}

    def _begin(self, name: str, kind: str, **said: Any) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return wandb.init(
            project=os.environ.get("WANDB_PROJECT") or EXPERIMENT,
            mode=os.environ.get("WANDB_MODE") or "offline",  # type: ignore[arg-type]
            dir=self._folder,
            name=name,
            job_type=kind,
            reinit="create_new",
            # What is measured is in the records; standard error belongs to the progress.
            settings=wandb.Settings(
                silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True
            ),
            **said,
        )

    def run_started(self, run: Run) -> None:
        tags = [run.method, run.family, run.protocol.id]
        self._open[run.key] = self._begin(
            run.label,
            "run",
            group=run.family,
            tags=[tag[:_LONGEST_TAG] for tag in tags],
            config=settings_of(run) | {"hyperbench": tags_of(run)},
        )

    def step(self, run: Run, event: Event) -> None:
        if event.loss is not None:
            self._open[run.key].log({"loss": event.loss}, step=event.step)

    def run_finished(self, record: RunRecord, scores: Mapping[str, float]) -> None:
        run = self._open.pop(record.key)
        run.summary.update({**scores, "status": record.status, "error": record.error or ""})
        run.finish(exit_code=0 if record.status == "ok" else 1)

    def board_made(self, board: Board) -> None:
        table = score_table(board)
        run = self._begin(table.title, "board", notes=markdown(board))
        rows = [list(row) for row in table.rows]
        run.log({"board": wandb.Table(columns=list(table.header), data=rows)})
        run.finish()

    def close(self) -> None:
        for run in self._open.values():
            run.finish(exit_code=1)
