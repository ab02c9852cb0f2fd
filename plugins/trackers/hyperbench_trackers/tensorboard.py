"""TensorBoard: each run is a folder of event files, and so is each board.

A run that is fitted again adds to the folder it had. From the first step that it tells on, what was
there before no longer counts, as TensorBoard has it after a restart: a fit that goes on from its
checkpoint keeps the curve up to there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from hyperbench import Listener
from hyperbench.boards.row import Board
from hyperbench.boards.tables import markdown, score_table
from hyperbench.events import Event
from hyperbench.records.record import RunRecord
from hyperbench.run import Run
from hyperbench_trackers.common import folder_of, name_of_file, settings_of, tags_of


class TensorBoard(Listener):
    """Writes ``trackers/tensorboard`` in the folder of runs: ``tensorboard --logdir`` shows it."""

    def __init__(self, runs: Path) -> None:
        super().__init__(runs)
        self._folder = folder_of(runs, "tensorboard")
        self._files: dict[str, _Folder] = {}

    def run_started(self, run: Run) -> None:
        seeds = f"split-{run.seeds.split}" + (f"-fit-{run.seeds.fit}" if run.is_fitted else "")
        method = name_of_file(run.row_label)
        place = self._folder / run.family / method / f"{seeds}-{run.key[:8]}"
        settings = settings_of(run) | tags_of(run)
        self._files[run.key] = _Folder(place, hparams_pb(settings, trial_id=run.key))

    def step(self, run: Run, event: Event) -> None:
        if event.loss is not None:
            file = self._files[run.key]
            file.add(scalar_pb("loss", event.loss), event.step, event.time)

    def run_finished(self, record: RunRecord, scores: Mapping[str, float]) -> None:
        file = self._files.pop(record.key)
        last = record.fit.num_steps if record.fit else 0
        said = tags_of(record) | {"status": record.status, "error": record.error or ""}
        ended = STATUS_SUCCESS if record.status == "ok" else STATUS_FAILURE
        file.add(session_end_pb(ended), last)
        lines = [f"| {name} | {text} |" for name, text in said.items() if text]
        file.add(text_pb("run", "\n".join(["| | |", "|---|---|", *lines])), last)
        for name, value in scores.items():
            file.add(scalar_pb(name, value), last)
        file.close()

    def board_made(self, board: Board) -> None:
        file = _Folder(self._folder / "boards" / name_of_file(score_table(board).title))
        file.add(text_pb("board", markdown(board)), 0)
        file.close()

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class _Folder:
    """A folder of event files, to which another one is added.

    Args:
        folder: made if it is not there.
        first: what is told with the first step, whichever that is.
    """

    def __init__(self, folder: Path, first: Summary | None = None) -> None:
        self._writer = EventFileWriter(str(folder))
        self._first = first
        self._is_new = True

    def add(self, summary: Summary, step: int, at: float | None = None) -> None:
        common = {"step": step, "wall_time": at or time.time()}
        events = [TensorBoardEvent(**common, summary=summary)]
        if self._is_new:
            self._is_new = False
            if self._first is not None:
                events.insert(0, TensorBoardEvent(**common, summary=self._first))
            restart = SessionLog(status=SessionLog.START)
            events.insert(0, TensorBoardEvent(**common, session_log=restart))
        for event in events:
            self._writer.add_event(event)

    def close(self) -> None:
        self._writer.close()
