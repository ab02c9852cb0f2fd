"""What trackers were told is read back with their own readers."""

import struct

import pytest

import hyperbench as hb
from hyperbench.executors import Here
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.find import find_runs
from hyperbench.registry import installed
from hyperbench.testing import LineFamily

NUM_STEPS = 30
PROTOCOL = EvalProtocol(
    id="brief-v1",
    summary="for tests",
    num_demonstrations=1,
    num_episodes=2,
    max_target=3,
    seeds=(SeedPair(split=0, fit=0),),
)
# SQLAlchemy tells MLflow's authors of what they use.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


class Cloned(PolicyGenerator):
    """Learns nothing, and says how well it does; fails where it is asked to."""

    class Config(MethodConfig):
        fails: bool = False
        """Whether to fail in the end."""
        rate: float = 0.5
        """Anything."""

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        for step in (10, 20, NUM_STEPS):
            progress(step, NUM_STEPS, 1 / step)
        if self.config.fails:
            raise ValueError("as it was asked to")
        self.family = LineFamily()
        return FitReport(NUM_STEPS, NUM_STEPS, 1 / NUM_STEPS, 1)

    def generate(self, specs, support=None):
        return self.family.expert(specs)

    def save(self, path):
        (path / "nothing").write_text("")

    def load(self, path):
        self.family = LineFamily()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Measure twice, in this process, with one tracker; gives the folder of runs and the board."""
    data = tmp_path_factory.mktemp("data")

    def measure(tracker, times=1):
        runs = tmp_path_factory.mktemp(tracker)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hyperbench.commands.prepare.Processes", lambda _: Here())
            patch.setattr("hyperbench.commands.executing.Place.make", lambda *_: Here())
            for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
                patch.delenv(variable, raising=False)
            for variable in ("WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT"):
                patch.delenv(variable, raising=False)
            for _ in range(times):
                results = hb.bench(
                    [Cloned, Cloned(Cloned.Config(fails=True))],
                    LineFamily,
                    PROTOCOL,
                    baselines=False,
                    listeners=[tracker],
                    output_dir=runs,
                    data_dir=data,
                    again=True,
                )
        # What trackers keep beside runs is no run.
        assert sorted(find_runs([runs])) == sorted(results.runs)
        return runs, results

    return measure


def test_they_are_registered_and_say_what_they_need(monkeypatch):
    assert {"tensorboard", "mlflow", "wandb"} <= installed().listeners.keys()
    monkeypatch.setattr("hyperbench.registry.registry.is_importable", lambda _: False)
    with pytest.raises(hb.errors.PluginError, match=r"-e 'plugins/trackers\[mlflow\]'"):
        installed().listener_class("mlflow")


def test_tensorboard_is_told_a_curve_once_however_often_it_is_fitted(bench):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, SESSION_START_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    runs, results = bench("tensorboard", times=2)
    logs = runs / "trackers" / "tensorboard"

    def read(folder):
        found = EventAccumulator(str(folder))
        found.Reload()
        return found

    def text(found, tag):
        [value] = found.Tensors(tag)
        return value.tensor_proto.string_val[0].decode()

    def hparams(found, tag):
        content = found.SummaryMetadata(tag).plugin_data.content
        return HParamsPluginData.FromString(content)

    def scalar(found, tag):
        values = found.Tensors(tag)
        return [(v.step, float(v.tensor_proto.float_val[0])) for v in values]

    fitted = sorted((logs / "testing" / "line-v1" / "cloned").iterdir())
    assert [folder.name.split("-")[5:] for folder in fitted] == [[], ["2"]], "one for each time"
    good = read(fitted[1])
    assert scalar(good, "loss") == [(s, pytest.approx(1 / s)) for s in (10, 20, NUM_STEPS)]
    known = results.table.set_index("method").score
    [(step, score)] = scalar(good, "score")
    assert (step, score) == (NUM_STEPS, pytest.approx(known["cloned"]))
    started = hparams(good, SESSION_START_INFO_TAG).session_start_info
    assert started.hparams["rate"].number_value == 0.5
    assert started.hparams["method"].string_value == "cloned"
    assert hparams(good, SESSION_END_INFO_TAG).session_end_info.status == 1
    failing = next((logs / "testing" / "line-v1").glob("cloned-fails=true*/*"))
    bad = read(failing)
    assert "ValueError: as it was asked to" in text(bad, "run")
    assert hparams(bad, SESSION_END_INFO_TAG).session_end_info.status == 2
    assert len(scalar(bad, "loss")) == 3
    assert "score" not in bad.Tags()["tensors"]
    boards = sorted((logs / "boards").iterdir())
    assert len(boards) == 2
    assert "| *expert* |" in text(read(boards[0]), "board")


@pytest.mark.thorough  # imports and makes a database for seconds
def test_mlflow_keeps_runs_in_a_database_beside_them(bench):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    runs, results = bench("mlflow")
    folder = runs / "trackers" / "mlflow"
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("hyperbench")
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    good = found["cloned on testing/line-v1 (split 0, fit 0)"]
    assert good.info.status == "FINISHED"
    assert good.data.params == {"fails": "false", "rate": "0.5"}
    assert good.data.tags["protocol"] == "brief-v1"
    history = client.get_metric_history(good.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(s, 1 / s) for s in (10, 20, 30)]
    scores = results.table.set_index("method").score
    assert good.data.metrics["score"] == pytest.approx(scores["cloned"])
    assert found["random on testing/line-v1 (split 0)"].data.metrics["score"] == 0
    bad = found["cloned [fails=true] on testing/line-v1 (split 0, fit 0)"]
    assert (bad.info.status, bad.data.tags["error"]) == ("FAILED", "ValueError: as it was asked to")
    [board] = (run for run in found.values() if run.data.tags.get("kind") == "board")
    kept = [item.path for item in client.list_artifacts(board.info.run_id)]
    assert kept == ["board.csv", "board.md"]
    assert (
        "cloned"
        in (folder / "artifacts" / board.info.run_id / "artifacts" / "board.md").read_text()
    )


@pytest.mark.thorough  # starts a service
def test_weights_and_biases_is_offline_unless_asked(bench):
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    def stored(file):
        """The records of a file, a log as LevelDB has it; wandb's own reader is not in Python."""
        content, place, part = file.read_bytes(), 7, b""
        while place + 7 <= len(content):
            room = 2**15 - place % 2**15
            if room < 7:  # no head of a record is divided
                place += room
                continue
            size, kind = struct.unpack_from("<HB", content, place + 4)
            part += content[place + 7 : place + 7 + size]
            place += 7 + size
            if kind in (1, 4):  # whole, or its last part
                yield Record.FromString(part)
                part = b""

    def read(file):
        """Name, exit status and losses of a run."""
        name, status, losses = "", None, []
        for record in stored(file):
            match record.WhichOneof("record_type"):
                case "run":
                    name = record.run.display_name
                case "exit":
                    status = record.exit.exit_code
                case "history":
                    said = {item.key or item.nested_key[0]: item for item in record.history.item}
                    losses += [float(said["loss"].value_json)] if "loss" in said else []
        return name, (status, losses)

    runs, results = bench("wandb")
    files = sorted((runs / "trackers" / "wandb" / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == len(results.runs) + 1
    found = dict(map(read, files))
    losses = [pytest.approx(1 / step) for step in (10, 20, NUM_STEPS)]
    assert found["cloned on testing/line-v1 (split 0, fit 0)"] == (0, losses)
    assert found["cloned [fails=true] on testing/line-v1 (split 0, fit 0)"] == (1, losses)
    assert found["random on testing/line-v1 (split 0)"] == (0, [])
