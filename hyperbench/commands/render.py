"""``hyperbench render``: find task and policy, film an episode, say what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hyperbench.arms import RandomPolicies, ZeroActionPolicies
from hyperbench.errors import DataError, HyperbenchError, SpecError, UnknownNameError
from hyperbench.events import emit
from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.records.bundled import open_run
from hyperbench.records.find import RECORD, find_runs, is_bundled
from hyperbench.registry import installed
from hyperbench.task import TaskSpec, told_apart
from hyperbench.view.console import print_line, standard_error, standard_output
from hyperbench.view.progress import progress_display
from hyperbench.view.video import check_output, film

out = standard_output()
err = standard_error()

_PLAYERS: dict[str, Callable[[TaskFamily, TaskSpec], PolicyBatch]] = {
    "expert": lambda family, task: family.expert([task]),
    "demonstrator": lambda family, task: family.demonstrators([task]),
    "random": lambda family, task: RandomPolicies(family, [task]),
    "zero-action": lambda family, task: ZeroActionPolicies(family, [task]),
}


def render_command(
    *,
    suite: str,
    task: str,
    policy: str,
    output: Path,
    seed: int,
    num_steps: int | None,
    fps: int | None,
) -> None:
    """Film one episode of one policy on one task."""
    check_output(output)
    registry = installed()
    ids = registry.select_families(suite)
    if len(ids) > 1:
        raise HyperbenchError(
            f"Suite {suite!r} has {len(ids)} families. Name one: {', '.join(ids)}."
        )
    family = registry.make_family(ids[0])
    spec = find_task(family, task)
    policies = find_policy(family, spec, policy)
    with progress_display({policy: policy}, err) as notify:
        progress = partial(emit, notify, policy, "filming")
        made = film(
            family, spec, policies, seed, output, num_steps=num_steps, fps=fps, progress=progress
        )
        emit(notify, policy, "filming", status="ok")
    length = int(made.table.lengths[0, 0])
    success = ""
    if made.table.successes is not None:
        success = ", success" if made.table.successes[0, 0] else ", no success"
    lines = [
        f"{policy} on {spec.label} of {family.info.id}, seed {seed}: return "
        f"{made.table.returns[0, 0]:.6g}{success} in {length} of {family.info.horizon} steps",
        f"{output.resolve()}: {made.num_pictures / made.fps:.1f} s at {made.fps} pictures a "
        f"second, {output.stat().st_size / 1e3:.0f} kB",
    ]
    if spec not in family.tasks:
        nearest = nearest_task(family, dict(zip(spec.space.names, spec.values, strict=True)))
        lines.append(f"{spec.label} is no task of the family; the nearest is {nearest.label}.")
    for line in lines:
        print_line(line, out)


def find_task(family: TaskFamily, asked: str) -> TaskSpec:
    """The task that a person means, one of the family's or any other of its spec space.

    Args:
        family: whose task.
        asked: the value of every feature, such as ``"speed=3,length=0.4"`` or, of categories,
            ``"colour=red,angle=30"``, or as many digits of a task's key as tell it from the
            family's others.

    Raises:
        SpecError: no task, or several, are meant.
        UnknownNameError: a feature that the family does not have, or a category that it lacks.
    """
    if "=" not in asked:
        found = [task for task in family.tasks if task.key.startswith(asked)]
        if len(found) != 1:
            raise SpecError(
                f"Task {asked!r}: {len(found)} tasks of {family.info.id} have a key that begins so."
                f" Give feature values, such as {family.tasks[0].label.replace(' ', '')}."
            )
        return found[0]
    features = {feature.name: feature for feature in family.spec_space.features}
    values: dict[str, float] = {}
    for part in asked.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in features:
            raise UnknownNameError(f"feature of {family.info.id}", name, features)
        if name in values:
            raise SpecError(f"Task {asked!r} gives {name!r} twice.")
        try:
            values[name] = features[name].parse(value)
        except SpecError as error:
            raise SpecError(f"Task {asked!r}: {error}") from None
    try:
        spec = family.task(**values)
    except SpecError as error:
        nearest = nearest_task(family, values).label
        raise SpecError(f"{error} The nearest of the family's tasks is {nearest}.") from None
    known = told_apart(family.tasks)
    # A label rounds: what is written as goal_x=0.333333 means the task with 1/3.
    meant = (task for task in known if spec.values in (task.values, _labelled(task)))
    return next(meant, told_apart((*family.tasks, spec))[-1])


def _labelled(task: TaskSpec) -> tuple[float, ...]:
    """The values that a task's label says."""
    parts = zip(task.space.features, task.label.split(", "), strict=True)
    return tuple(feature.parse(part.partition("=")[2]) for feature, part in parts)


def nearest_task(family: TaskFamily, values: Mapping[str, float]) -> TaskSpec:
    """The family's task nearest to some of the features' values, as near as splits measure it."""
    given = [feature for feature in family.spec_space.features if feature.name in values]

    def distance(task: TaskSpec) -> float:
        return sum(f.distance(task[f.name], values[f.name]) ** 2 for f in given)

    return min(family.tasks, key=distance)


def find_policy(family: TaskFamily, task: TaskSpec, asked: str) -> PolicyBatch:
    """The policy that a person means, for one task.

    Args:
        family: whose task it is.
        task: the task.
        asked: ``"expert"``, ``"demonstrator"``, ``"random"``, ``"zero-action"``, or the folder of
            a run.

    Raises:
        UnknownNameError: it is neither.
        DataError: the run keeps no policy for the task.
    """
    if asked in _PLAYERS:
        return _PLAYERS[asked](family, task)
    folder = Path(asked)
    if not folder.is_dir() and not is_bundled(folder):
        raise UnknownNameError(
            "policy", asked, _PLAYERS, "Or give the folder of a run that `hyperbench run` wrote."
        )
    if not (is_bundled(folder) or (folder / RECORD).is_file()):
        raise DataError(f"Folder {folder} is not one run. {_runs_with_policies(family, folder)}")
    run = open_run(folder)
    record = run.record
    if record.family != family.info.id:
        raise DataError(f"The run in {folder} is of {record.family}, not of {family.info.id}.")
    if not run.kept_tasks:
        raise DataError(
            f"The run in {folder} keeps no policies: it is of {record.method!r}, "
            f"{'a control arm' if record.is_arm else f'and its status is {record.status!r}'}."
        )
    kept = [record.targets[i] for i in run.kept_tasks]
    targets = {entry.key: i for i, entry in enumerate(kept)}
    if task.key not in targets:
        known = {task.key: task for task in family.tasks}
        labels = [known[entry.key].label for entry in kept if entry.key in known]
        raise DataError(
            f"Task {task.label} is no task of which the run in {folder} keeps a policy: it has "
            f"those for {'; '.join(labels)}."
        )
    return run.policies().take([targets[task.key]])


def _runs_with_policies(family: TaskFamily, folder: Path) -> str:
    runs = [open_run(run) for run in find_runs([folder])]
    known = [
        f"{run.folder} ({run.record.row_label}, split {run.record.seeds.split})"
        for run in runs
        if run.record.family == family.info.id and run.kept_tasks
    ]
    return f"It has these with policies for {family.info.id}: {', '.join(known) or 'none'}."
