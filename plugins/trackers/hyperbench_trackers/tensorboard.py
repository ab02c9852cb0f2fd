"""TensorBoard: each run is a folder of event files, and so is each board.

A run that is fitted again has another folder, with a number: TensorBoard would draw two curves of
one folder as one that goes back and forth.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.metadata import (
    NULL_TENSOR,
    SESSION_END_INFO_TAG,
    create_summary_metadata,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
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
        self._files[run.key] = _Folder(place)
        settings = settings_of(run) | tags_of(run)
        self._files[run.key].add(hparams_pb(settings, trial_id=run.key))

    def step(self, run: Run, event: Event) -> None:
        if event.loss is not None:
            file = self._files[run.key]
            file.add(scalar_pb("loss", event.loss), event.step, event.time)

    def run_finished(self, record: RunRecord, scores: Mapping[str, float]) -> None:
        file = self._files.pop(record.key)
        last = record.fit.num_steps if record.fit else 0
        said = tags_of(record) | {"status": record.status, "error": record.error or ""}
        file.add(_end(record.status), last)
        lines = [f"| {name} | {text} |" for name, text in said.items() if text]
        file.add(text_pb("run", "\n".join(["| | |", "|---|---|", *lines])), last)
        for name, value in scores.items():
            file.add(scalar_pb(name, value), last)
        file.close()

    def board_made(self, board: Board) -> None:
        file = _Folder(self._folder / "boards" / name_of_file(score_table(board).title))
        file.add(text_pb("board", markdown(board)))
        file.close()

    def close(self) -> None:
        for file in self._files.values():
            file.close()


class _Folder:
    """A new folder of that name, or with a number after it, with a file of events."""

    def __init__(self, folder: Path) -> None:
        place, number = folder, 1
        while place.exists():
            number += 1
            place = folder.with_name(f"{folder.name}-{number}")
        self._writer = EventFileWriter(str(place))

    def add(self, summary: Summary, step: int = 0, at: float | None = None) -> None:
        event = TensorBoardEvent(step=step, wall_time=at or time.time(), summary=summary)
        self._writer.add_event(event)

    def close(self) -> None:
        self._writer.close()


def _end(status: str) -> Summary:
    """How a run ended, for the page of hyperparameters; TensorBoard's own needs TensorFlow."""
    ended = SessionEndInfo(
        status=STATUS_SUCCESS if status == "ok" else STATUS_FAILURE, end_time_secs=time.time()
    )
    said = create_summary_metadata(HParamsPluginData(session_end_info=ended))
    value = Summary.Value(tag=SESSION_END_INFO_TAG, metadata=said, tensor=NULL_TENSOR)
    return Summary(value=[value])
