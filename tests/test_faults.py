"""Specs that are noisy or incomplete: what is shown, whose fit it is, what the row is called."""

import sys
import types

import numpy as np
import pytest

from hyperbench import hookimpl
from hyperbench.boards.worlds import method_labels
from hyperbench.errors import HyperbenchError, ProtocolError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.faults import shown_specs
from hyperbench.measuring.order import in_order
from hyperbench.measuring.plan import plan
from hyperbench.measuring.sharing import Due
from hyperbench.protocol import QUICK
from hyperbench.records.store import RECORD, StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.registry.code import Fingerprints
from hyperbench.split import Split
from hyperbench.task import Feature, SpecSpace
from hyperbench.verification.replay import verify_run

from .fakes_random_features import RandomFeatures

RULES = {"num_demonstrations": 2, "num_episodes": 2}
PROTOCOL = QUICK.model_copy(update={"id": "test-v1", **RULES})
METHOD = "random-features"
SPACE = SpecSpace(
    (
        Feature("size", 1.0, 3.0, "m", "object"),
        Feature("angle", -90.0, 270.0, "deg", "goal", "circle"),
        Feature.of_categories("colour", ["red", "green", "blue", "grey"], "object"),
    )
)


class Fits(RandomFeatures):
    """Counts how often it is fitted and remembers what it generated for."""

    seen = types.SimpleNamespace(num_fits=0, specs=None)

    def fit(self, *arguments, **rest):
        Fits.seen.num_fits += 1
        return super().fit(*arguments, **rest)

    def generate(self, specs, support=None):
        Fits.seen.specs = tuple(specs)
        return super().generate(specs, support)


@pytest.fixture
def registry(monkeypatch):
    door = types.ModuleType("door_of_fault_tests")
    line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    methods = [
        MethodEntry(METHOD, f"{__name__}:Fits", "a fake"),
        MethodEntry("shown", f"{__name__}:Fits", "a fake", track="few-shot"),
    ]
    door.hyperbench_families = hookimpl(lambda: [line])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", [line.id], "one")])
    door.hyperbench_methods = hookimpl(lambda: methods)
    for name in ("families", "suites", "methods"):
        getattr(door, f"hyperbench_{name}").__name__ = f"hyperbench_{name}"
    monkeypatch.setitem(sys.modules, door.__name__, door)
    # Which file "tests" is depends on what else this process has imported.
    code = Fingerprints(method="a" * 16, family="b" * 16)
    monkeypatch.setattr(Registry, "fingerprints", lambda *_: code)
    return Registry([PluginSource("testing", "testing", "1", lambda: door)])


@pytest.fixture
def planned(registry, tmp_path):
    """The method's runs, the one of sound specs first."""

    def make(**options):
        runs = plan(registry, [METHOD], "testing", PROTOCOL, data_dir=tmp_path / "data", **options)
        return [run for run in runs if not run.is_arm]

    return make


@pytest.mark.parametrize("value", [(1.0, -90.0, 0), (2.5, 0.0, 1), (3.0, 200.0, 3)])
def test_what_is_presented_leads_back(value):
    for feature, number in zip(SPACE.features, value, strict=True):
        found = feature.stored(feature.nearest(feature.present(number)))
        assert found == pytest.approx(number, abs=1e-9)


def test_what_nothing_presents_leads_to_the_nearest_there_is():
    size, angle, colour = SPACE.features
    assert [size.nearest([number]) for number in (-7.0, 0.5, 1.2)] == [1.0, 2.5, 3.0]
    assert angle.stored(angle.nearest([0.0, 0.1])) == 90.0
    assert angle.stored(angle.nearest([-3.0, -3.0])) == 225.0
    assert colour.nearest([0.2, -1.0, 0.3, 0.1]) == 2.0
    assert [feature.middle for feature in SPACE.features] == [2.0, 90.0, 1.0]


@pytest.fixture
def split():
    sizes = np.linspace(1.5, 2.5, 11).tolist()
    return Split((), (), SPACE.grid("toy/all-v1", size=sizes, angle=[30.0], colour=["red"]))


def test_noise_has_the_deviation_asked_for_and_follows_from_task_and_seeds(planned, split):
    run = planned(spec_noises=[0.01])[1]

    def moved(run, part=split):
        pairs = zip(part.target, shown_specs(run, part), strict=True)
        return np.array([shown.vector[0] - task.vector[0] for task, shown in pairs])

    noise = moved(run)
    assert 0.003 < noise.std() < 0.03
    # More of it is the same in larger, and nobody's noise depends on who else is judged.
    louder = run.model_copy(update={"spec_noise": 0.02})
    np.testing.assert_allclose(moved(louder), 2 * noise, atol=1e-6)
    np.testing.assert_array_equal(moved(run, Split((), (), split.target[3:5])), noise[3:5])
    other = run.model_copy(update={"method": "other", "device": "cuda"})
    np.testing.assert_array_equal(moved(other), noise)
    for seeds in ({"split": 5}, {"fit": 5}):
        again = run.model_copy(update={"seeds": run.seeds.model_copy(update=seeds)})
        assert (moved(again) != noise).all()
    colours = {
        shown["colour"] for shown in shown_specs(run.model_copy(update={"spec_noise": 2.0}), split)
    }
    assert len(colours) > 1


def test_a_hidden_feature_is_shown_in_the_middle_of_its_range(planned, split):
    run = planned(hidden_features=["goal"])[1].model_copy(update={"hidden_feature": "size"})
    for task, shown in zip(split.target, shown_specs(run, split), strict=True):
        assert (shown["size"], shown["angle"], shown["colour"]) == (2.0, 30.0, 0.0)
        assert shown.vector[0] == 0 != task["size"]


def test_faults_are_judged_on_sound_tasks_with_the_fit_of_the_run_without(
    planned, registry, tmp_path
):
    site = Site(tmp_path / "runs", tmp_path / "data")
    runs = planned(shuffled_spec=True, spec_noises=[0.3], hidden_features=["goal"])
    plain, *faulty = runs
    assert [run.row_label for run in faulty] == [
        f"{METHOD} ({fault})" for fault in ("shuffled-spec", "spec-noise 0.3", "hidden goal")
    ]
    # Alone it is fitted, beside the run without it is not: the same policies.
    Fits.seen.num_fits = 0
    alone = execute(faulty[1], site, ignore, registry=registry)
    assert Fits.seen.num_fits == 1
    records = [execute(run, site, ignore, registry=registry) for run in runs]
    assert Fits.seen.num_fits == 2
    assert records[2].results == alone.results
    assert len({record.key for record in records}) == 4
    assert len({record.results["policies.safetensors"] for record in records}) == 4
    assert all(record.split == records[0].split for record in records)
    assert {record.cost.fit_seconds for record in records} == {records[0].cost.fit_seconds}
    assert [record.is_control for record in records] == [False, True, True, True]
    assert len(set(method_labels(records).values())) == 4
    verdict = verify_run(site.runs / alone.key, registry, num_tasks=None, seed=0, tolerance=0.0)
    assert (verdict.stamp, verdict.reasons) == ("verified", ())
    # What the code of another day fitted is nobody else's.
    file = site.runs / plain.key / RECORD
    text = file.read_text()
    file.write_text(text.replace(records[0].fingerprints.method, "0" * 64))
    assert StoredRun.read(site.runs / plain.key).record.fingerprints != records[0].fingerprints
    execute(faulty[0], site, ignore, registry=registry)
    assert Fits.seen.num_fits == 3


def test_faults_come_last_so_that_there_is_a_fit_to_share(planned, registry):
    runs = [Due(run) for run in planned(spec_noises=[0.1, 0.2])]
    both = [*runs, *(Due(due.run.model_copy(update={"key": "0" * 16})) for due in runs)]
    faulty = [due.run.is_faulty for due in in_order(both, registry)]
    assert faulty == [False, False, True, True, True, True]


def test_keys_of_faults_never_change(planned):
    """And without a fault there is no word of it in a key."""
    runs = planned(spec_noises=[0.1], hidden_features=["goal", "goal"])
    assert [(run.row_label, run.key) for run in runs[1:]] == [
        (f"{METHOD} (spec-noise 0.1)", "ec0c345fa1bee4dd"),
        (f"{METHOD} (hidden goal)", "0d4ad4263e32aae4"),
    ]
    assert runs[0].key == planned()[0].key


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spec_noises": [0.0]}, "--spec-noise takes a number above 0, found 0."),
        ({"spec_noises": [float("nan")]}, "--spec-noise takes a number above 0, found nan."),
        ({"hidden_features": ["gaol"]}, "Unknown feature to hide 'gaol'. Did you mean 'goal'?"),
    ],
)
def test_what_is_no_fault_of_a_spec_is_refused(planned, options, message):
    with pytest.raises(HyperbenchError) as caught:
        planned(**options)
    assert message in str(caught.value)


def test_support_is_not_handed_over_by_faulty_specs(registry):
    rules = PROTOCOL.model_copy(update={"track": "few-shot", "num_support": 1})
    with pytest.raises(ProtocolError, match="Method 'shown' is shown support by spec"):
        plan(registry, ["shown"], "testing", rules, spec_noises=[0.1])
