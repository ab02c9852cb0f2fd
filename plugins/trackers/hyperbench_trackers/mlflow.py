"""MLflow: each fit is a run of the experiment ``hyperbench``, and so is each board.

A run that is fitted again is another run there, with the same tag ``key``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

# Nothing leaves this machine unless the user asks for it; read when mlflow is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from hyperbench import Listener
from hyperbench.boards.row import Board
from hyperbench.boards.tables import csv_text, markdown, score_table
from hyperbench.events import Event
from hyperbench.records.record import RunRecord
from hyperbench.run import Run, spelled
from hyperbench_trackers.common import EXPERIMENT, folder_of, tags_of

_MOST_AT_A_TIME = 100
"""Points of a curve that are kept before they are written: each time, a database is asked."""


class MLflow(Listener):
    """Writes ``trackers/mlflow`` in the folder of runs, or where ``MLFLOW_TRACKING_URI`` says.

    ``MLFLOW_EXPERIMENT_NAME`` names another experiment.
    """

    def __init__(self, runs: Path) -> None:
        super().__init__(runs)
        self._folder = folder_of(runs, "mlflow")
        self._ids: dict[str, str] = {}
        self._points: dict[str, list[Metric]] = {}

    @cached_property
    def _client(self) -> MlflowClient:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            self._folder.mkdir(parents=True, exist_ok=True)
            uri = f"sqlite:///{self._folder / 'mlflow.db'}"
        return MlflowClient(uri)

    @cached_property
    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        if found := self._client.get_experiment_by_name(name):
            return str(found.experiment_id)
        is_here = not os.environ.get("MLFLOW_TRACKING_URI")
        place = (self._folder / "artifacts").absolute().as_uri() if is_here else None
        return str(self._client.create_experiment(name, artifact_location=place))

    def _begin(self, name: str, tags: Mapping[str, str]) -> str:
        made = self._client.create_run(self._experiment, run_name=name, tags=dict(tags))
        return str(made.info.run_id)

    def run_started(self, run: Run) -> None:
        self._ids[run.key] = self._begin(run.label, tags_of(run))
        self._points[run.key] = []
        params = [Param(name, spelled(value)) for name, value in run.config.items()]
        self._client.log_batch(self._ids[run.key], params=params)

    def step(self, run: Run, event: Event) -> None:
        if event.loss is not None:
            points = self._points[run.key]
            points.append(Metric("loss", event.loss, int(event.time * 1000), event.step))
            if len(points) == _MOST_AT_A_TIME:
                self._write(run.key)

    def _write(self, key: str) -> None:
        self._client.log_batch(self._ids[key], metrics=self._points[key])
        self._points[key] = []

    def run_finished(self, record: RunRecord, scores: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        last = record.fit.num_steps if record.fit else 0
        self._points[record.key] += [Metric(name, v, now, last) for name, v in scores.items()]
        self._write(record.key)
        id_ = self._ids.pop(record.key)
        if record.error:
            self._client.set_tag(id_, "error", record.error)
        self._client.set_terminated(id_, "FINISHED" if record.status == "ok" else "FAILED")

    def board_made(self, board: Board) -> None:
        id_ = self._begin(score_table(board).title, {"kind": "board"})
        self._client.log_text(id_, markdown(board), "board.md")
        self._client.log_text(id_, csv_text([board]), "board.csv")
        self._client.set_terminated(id_)

    def close(self) -> None:
        for key, id_ in self._ids.items():
            self._write(key)
            self._client.set_terminated(id_, "KILLED")
