"""Verification: what is honest plays again bit for bit; what was altered is found and named."""

import json
import shutil
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hyperbench import cli, hookimpl
from hyperbench.errors import DataError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import QUICK
from hyperbench.records.store import EPISODES, POLICIES, RECORD, StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing.line import LineFamily
from hyperbench.verification import replay as verification
from hyperbench.verification.integrity import file_faults
from hyperbench.verification.replay import verify_run

from .fakes_random_features import Failing, RandomFeatures, Remembering
from .fakes_tampering import (
    change_episodes,
    change_record,
    forged,
    leaves,
    missing,
    moved_target,
    nan_return,
    nan_weight,
    one_hash,
    one_return,
    one_weight,
    swapped_tasks,
    truncated,
    unchanged,
    unlisted,
    with_one,
)

RULES = {"num_demonstrations": 2, "num_episodes": 2}
PROTOCOL = QUICK.model_copy(update={"id": "test-v1", **RULES})
ARMS = ("random", "nearest-expert", "reuse-bound")
METHOD = "random-features"


@pytest.fixture(scope="module")
def registry() -> Registry:
    door = types.ModuleType("door_of_verification_tests")
    door.RandomFeatures, door.Failing, door.Remembering = RandomFeatures, Failing, Remembering
    line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    door.hyperbench_families = hookimpl(lambda: [line])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", ["testing/line-v1"], "one")])
    methods = [
        MethodEntry(name, f"{door.__name__}:{target}", "a fake")
        for name, target in (
            (METHOD, "RandomFeatures"),
            ("failing", "Failing"),
            ("remembering", "Remembering"),
        )
    ]
    door.hyperbench_methods = hookimpl(lambda: methods)
    for name in ("families", "suites", "methods"):
        hook = getattr(door, f"hyperbench_{name}")
        hook.__name__ = f"hyperbench_{name}"
    sys.modules[door.__name__] = door
    return Registry([PluginSource("testing", "testing", "1", lambda: door)])


@pytest.fixture(scope="module")
def honest(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each run, by method; made once, and only copied."""
    places = Site(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("data"))

    wanted = Wanted("testing/line-v1", PROTOCOL)
    ensure_demonstrations(wanted, places, ignore, registry=registry)
    methods = [METHOD, "failing", "remembering"]
    planned = plan(registry, methods, "testing", PROTOCOL, data_dir=places.data)
    planned += plan(
        registry,
        [METHOD],
        "testing",
        PROTOCOL,
        settings=["num_hidden=9"],
        data_dir=places.data,
    )
    found = {}
    for run in planned:
        if run.method in (*methods, *ARMS):
            execute(run, places, ignore, registry=registry)
            found[run.method + ("-9" if run.overrides else "")] = places.runs / run.key
    return found


@pytest.fixture
def copy(honest, tmp_path) -> Callable[..., Path]:
    """Copy a run, so that it may be altered."""

    def make(name: str = METHOD) -> Path:
        return Path(shutil.copytree(honest[name], tmp_path / "runs" / honest[name].name))

    return make


def check(folder: Path, registry: Registry, **options: Any) -> verification.Verdict:
    return verify_run(folder, registry, **{"num_tasks": None, "seed": 0, **options})


@pytest.mark.parametrize("name", [METHOD, f"{METHOD}-9", *ARMS])
@pytest.mark.parametrize("options", [{}, {"num_tasks": 2}, {"num_threads": 2, "num_tasks": 3}])
def test_an_honest_run_plays_again_bit_for_bit(honest, registry, name, options) -> None:
    verdict = check(honest[name], registry, tolerance=0.0, **options)
    assert (verdict.stamp, verdict.reasons) == ("verified", ())
    assert verdict.largest_difference == verdict.mean_difference == 0
    num_targets = len(verdict.record.split.target)
    assert verdict.num_judged == 2 * num_targets
    assert verdict.num_played == 2 * options.get("num_tasks", num_targets)


def test_a_machine_like_this_is_held_to_the_last_bit(copy, registry) -> None:
    folder = copy()
    change_episodes(folder, "return", with_one(5, lambda value: np.nextafter(value, np.inf)))
    change_record(folder, unchanged, forge=True)
    assert check(folder, registry).stamp == "differs"


def test_elsewhere_rounding_is_forgiven_and_no_more(copy, registry) -> None:
    folder = copy()
    change_episodes(folder, "return", with_one(5, lambda value: value * (1 + 1e-6)))

    def elsewhere(content: dict) -> None:
        content["provenance"]["machine"] = "another machine"

    change_record(folder, elsewhere, forge=True)
    verdict = check(folder, registry)
    assert verdict.stamp == "verified"
    assert 0 < verdict.largest_difference < 1e-4
    assert check(folder, registry, tolerance=0.0).stamp == "differs"
    change_episodes(folder, "return", with_one(5, lambda value: value * 1.001))
    change_record(folder, unchanged, forge=True)
    verdict = check(folder, registry)
    assert verdict.stamp == "differs"
    assert verdict.reasons[-1].startswith("may be rounding: machine is another machine, here ")
    assert check(folder, registry, tolerance=0.01).stamp == "verified"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kernels": "openblas Other"}, "kernels are openblas Other, here "),
        ({"versions": {"python": "3.1"}}, "versions differ of "),
    ],
)
def test_what_rounding_depends_on_is_recorded(copy, registry, change, said) -> None:
    folder = copy()
    one_return(folder)
    change_record(folder, lambda content: content["provenance"].update(change), forge=True)
    assert said in check(folder, registry).reasons[-1]


def test_no_single_entry_of_a_record_can_be_altered(copy, registry) -> None:
    folder = copy()
    whole = (folder / RECORD).read_text()
    paths = list(leaves(json.loads(whole)))
    assert len(paths) > 100
    for path in paths:
        content = json.loads(whole)
        *parents, last = path
        inner = content
        for name in parents:
            inner = inner[name]
        old = inner[last]
        inner[last] = not old if isinstance(old, bool) else old + type(old)(1)  # "1" after a text
        (folder / RECORD).write_text(json.dumps(content))
        try:
            run = StoredRun.read(folder)
        except DataError:
            continue
        assert file_faults(run), path
    (folder / RECORD).write_text(json.dumps(json.loads(whole), indent=7))
    assert check(folder, registry).stamp == "verified"  # its layout is free


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (one_return, f"{EPISODES} was altered: its checksum differs from the record's"),
        (one_weight, f"{POLICIES} was altered: its checksum differs from the record's"),
        (one_hash, f"{POLICIES} was altered: its checksum differs from the record's"),
        (one_hash, f"{RECORD} was altered: its content differs from its checksum"),
        (truncated(RECORD), f"{RECORD} is not a run's record"),
        (truncated(EPISODES), f"{EPISODES} was altered"),
        (truncated(POLICIES), f"{POLICIES} was altered"),
        (missing(EPISODES), f"{EPISODES} is missing"),
        (missing(POLICIES), f"{POLICIES} is missing"),
        (unlisted, f"{POLICIES} is not listed in {RECORD}"),
    ],
)
def test_what_was_altered_is_named(copy, registry, alter, named) -> None:
    folder = copy()
    alter(folder)
    verdict = check(folder, registry)
    assert verdict.stamp == "differs"
    assert any(named in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (one_return, "1 of 20 returns differ, most in "),
        (one_return, ", episode 1: "),
        (nan_return, "1 of 20 returns differ"),
        (one_weight, "returns differ"),
        (nan_weight, "is not finite"),
        (truncated(EPISODES), "cannot be read"),
        (truncated(POLICIES), "cannot be read"),
        (swapped_tasks, "lists other episodes than 2 of each target task"),
        (lambda f: change_episodes(f, "seed", with_one(1, lambda s: s + 1)), "1 of 20 seeds"),
        (lambda f: change_episodes(f, "length", with_one(4, lambda n: n - 1)), "length differs"),
        (lambda f: change_episodes(f, "success", lambda s: ~s), "success differs in 20 of 20"),
        (forged(lambda c: c["seeds"].update(split=1)), "split is not the one"),
        (forged(lambda c: c["protocol"].update(source_fraction=0.4)), "split is not the one"),
        (forged(lambda c: c["protocol"].update(id="quick-v1")), "its rules are not those of quick"),
        (forged(lambda c: c["protocol"].update(num_episodes=1)), "num_target_rollouts is 20, 10"),
        (forged(lambda c: c.update(num_target_rollouts=21)), "is 21, 20 are due"),
        (forged(lambda c: c["family_info"].update(horizon=21)), "family_info.horizon is 21"),
        (forged(moved_target), "split is not the one"),
    ],
)
def test_a_forger_who_mends_the_checksums_is_found_all_the_same(
    copy, registry, alter, named
) -> None:
    folder = copy()
    alter(folder)
    change_record(folder, unchanged, forge=True)
    verdict = check(folder, registry)
    assert verdict.stamp == "differs"
    assert any(named in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["config"].update(num_hidden=17),
        lambda content: content["seeds"].update(fit=5),
        lambda content: content["protocol"].update(num_demonstrations=3),
        lambda content: content.update(method_version=2),
        lambda content: content.update(demonstrations="0" * 16),
        lambda content: content.update(shuffled_spec=True),
        lambda content: content.update(spec_noise=0.1),
        lambda content: content["family_info"].update(physics="numpy 3"),
        lambda content: content.update(key="0" * 16),
    ],
)
def test_a_key_belongs_to_what_it_was_made_of(copy, registry, change) -> None:
    folder = copy()
    change_record(folder, change, forge=True)
    verdict = check(folder, registry)
    assert verdict.stamp == "differs"
    assert verdict.reasons[0].startswith("key is ")


def test_how_much_it_differs_is_said(copy, registry) -> None:
    folder = copy()
    one_return(folder)
    change_record(folder, unchanged, forge=True)
    verdict = check(folder, registry)
    assert verdict.largest_difference == pytest.approx(0.5)
    assert verdict.mean_difference == pytest.approx(0.5 / verdict.num_played)


def without_checksum(content: dict) -> None:
    del content["content_sha256"]


def other_experts(content: dict) -> None:
    content["family_info"]["expert_version"] = "analytic-0"


@pytest.mark.parametrize(
    ("name", "alter", "named"),
    [
        (METHOD, lambda f: change_record(f, without_checksum), "no checksum"),
        ("failing", lambda f: None, "failed and has no episode to play: FloatingPointError: Train"),
        ("remembering", lambda f: None, "its policies were not stored"),
        (f"{METHOD}-9", forged(lambda c: c.update(overrides={})), "config differs in num_hidden"),
        (METHOD, forged(lambda c: c.update(overrides={"num_hidden": "x"})), "overrides are none"),
    ],
)
def test_what_cannot_be_played_again_is_said(copy, registry, name, alter, named) -> None:
    folder = copy(name)
    alter(folder)
    verdict = check(folder, registry)
    assert verdict.stamp == "unverifiable", verdict.reasons
    assert named in verdict.reasons[0]
    assert verdict.is_sound == (name == "failing")


def test_other_physics_and_other_experts_are_said(copy, registry, monkeypatch) -> None:
    method, arm, free = copy(METHOD), copy("nearest-expert"), copy("random")
    info = LineFamily.info
    for folder in (method, arm, free):
        change_record(folder, other_experts, forge=True)
    monkeypatch.setattr(LineFamily, "info", replace(info, expert_version="analytic-0"))
    forged(other_experts)(arm)
    forged(other_experts)(method)
    monkeypatch.setattr(LineFamily, "info", info)
    verdict = check(arm, registry)
    assert verdict.stamp == "unverifiable"
    assert verdict.reasons == ("experts are analytic-0, installed are analytic-1",)
    assert check(method, registry).stamp == "verified"  # plays no expert
    monkeypatch.setattr(LineFamily, "info", replace(info, physics="numpy 3"))
    verdict = check(copy("reuse-bound"), registry)
    assert verdict.stamp == "unverifiable"
    assert verdict.reasons == ("physics is numpy, installed is numpy 3",)


def test_a_family_that_is_not_installed_is_said(honest) -> None:
    verdict = check(honest[METHOD], Registry([]))
    assert verdict.stamp == "unverifiable"
    assert "Unknown family 'testing/line-v1'" in verdict.reasons[0]


def test_which_tasks_are_played_depends_on_the_seed(copy, registry) -> None:
    """One return is altered: most samples of three tasks miss it, some find it, all find it."""
    folder = copy()
    one_return(folder)
    change_record(folder, unchanged, forge=True)
    stamps = [check(folder, registry, num_tasks=3, seed=s).stamp for s in range(8)]
    assert set(stamps) == {"verified", "differs"}
    assert stamps == [check(folder, registry, num_tasks=3, seed=s).stamp for s in range(8)]


@pytest.fixture
def command(registry, monkeypatch) -> Callable[..., Any]:
    monkeypatch.setattr("hyperbench.commands.verify.installed", lambda: registry)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli.app, ["verify", "--threads", "1", *arguments])

    return run


def test_the_command_stamps_each_row(command, copy) -> None:
    folders = [copy(name) for name in (METHOD, "random", "reuse-bound", "failing")]
    done = command(str(folders[0].parent), "--all")
    assert done.exit_code == 0, done.output
    rows = {
        line.split()[1]: line.split()[2] for line in done.output.splitlines() if "test-v1" in line
    }
    assert rows == {
        METHOD: "verified",
        "random": "verified",
        "reuse-bound": "verified",
        "failing": "unverifiable",
    }
    one_return(folders[0])
    truncated(RECORD)(folders[1])
    done = command(str(folders[0].parent))
    assert done.exit_code == 1
    assert "differs  random-features on testing/line-v1 (split 0, fit 0) in " in done.output
    assert f"{EPISODES} was altered" in done.output
    assert f"differs  {folders[1]}: " in done.output


def test_the_command_speaks_json(command, copy) -> None:
    folder = copy()
    nan_return(folder)
    change_record(folder, unchanged, forge=True)
    done = command(str(folder), "--json", "--all", "--seed", "3")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["seed"] == 3
    [run] = said["runs"]
    assert (run["stamp"], run["method"], run["largest_difference"]) == ("differs", METHOD, "NaN")
    assert run["key"] == folder.name


def test_the_seed_is_shown_and_new_each_time(command, copy) -> None:
    folder = str(copy())
    seeds = {json.loads(command(folder, "--json").stdout)["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert "3 target tasks of each run" in command(folder, "--seed", "5").output
