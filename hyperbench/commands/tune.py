"""``hyperbench tune``: begin or continue a study, and show its best trials."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from hyperbench.commands.executing import Place, watched
from hyperbench.commands.prepare import prepare_families, refuse_without
from hyperbench.disk import check_writable
from hyperbench.errors import HyperbenchError
from hyperbench.executors import Site
from hyperbench.measuring.locks import awaited, lock_path
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted
from hyperbench.measuring.settings import settings_of
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry, installed
from hyperbench.run import spelled
from hyperbench.search import Setting
from hyperbench.threads import num_cores
from hyperbench.tuning.study import STUDY, Study, new_study, read_study, require_optuna
from hyperbench.tuning.tune import continue_study, make_case, tuning_protocol
from hyperbench.view.console import LeftOut, print_line, standard_error, standard_output
from hyperbench.view.event_log import EventLog

_NUM_TRIALS_SHOWN = 10
_REMEDY = "Choose another folder with --output-dir."

out = standard_output()
err = standard_error()


def study_folder(output_dir: Path, method: str, key: str) -> Path:
    """Where a study is kept: below ``output_dir``, whatever the method is called."""
    return output_dir / f"{re.sub(r'[^A-Za-z0-9_.+-]', '_', method)}-{key}"


def tune_command(
    *,
    method: str,
    suite: str,
    protocol: EvalProtocol,
    num_splits: int,
    num_trials: int,
    seed: int,
    settings: Sequence[str],
    device: str,
    output_dir: Path,
    data_dir: Path,
    place: Place,
    events: Path | None,
    debug: bool,
) -> int:
    """Begin or continue a study and show its best trials.

    Returns:
        How many families could not be planned.

    Raises:
        HyperbenchError: tuning is impossible as asked, or every trial failed.
    """
    require_optuna()
    registry = installed()
    config_class = registry.method_class(method).Config
    search = config_class.SEARCH
    rules = tuning_protocol(protocol, num_splits)
    left_out = LeftOut()
    planned = plan(
        registry,
        [method],
        suite,
        rules,
        baselines=False,
        settings=settings,
        device=device,
        data_dir=data_dir,
        notify=left_out,
    )
    runs = [run for run in planned if not run.is_arm]
    packages: dict[str, Path | None] = {}
    for run in runs:
        packages |= registry.packages_of(run.family, method)
    code = registry.fingerprints(runs[0].family, method).method
    fixed = settings_of(settings, [method])[method]
    whole = dict(config_class.model_validate(runs[0].config))
    later = {name: whole[name] for name in config_class.LATER}
    study = new_study(runs, search, seed, packages, fixed, code, later)
    folder = study_folder(output_dir, method, study.key)
    study = read_study(folder) or study
    if None not in (code, study.code) and code != study.code:
        print_line(
            f"The code of {method} has changed since this study began, so its trials are not of "
            "what is installed. Begin anew with another --output-dir.",
            err,
        )
    if len(study.trials) < num_trials:
        executor = place.make(registry)
        log = EventLog(events) if events else None
        check_writable(output_dir, _REMEDY)
        threads = executor.num_threads(len(runs))
        site = Site(output_dir.absolute(), data_dir.absolute(), threads)
        lock = lock_path(folder.parent, folder.name)
        line = f"Another command is at the study in {folder}; waiting for it."
        # Trials are in order, each after all the others.
        with executor, awaited(lock, _REMEDY, partial(print_line, line, err)):
            study = read_study(folder) or study  # of a command that was at it until now
            wanted = [_wanted(family, rules, registry) for family in study.families]
            refuse_without(prepare_families(wanted, executor, site, debug, log))
            cases = [make_case(run, registry, data_dir, num_cores()) for run in runs]
            pending = range(len(study.trials), num_trials)
            labels = {str(number): f"trial {number}" for number in pending}
            with watched(labels, log) as notify:
                study = continue_study(
                    study,
                    cases,
                    registry,
                    folder,
                    num_trials=num_trials,
                    site=site,
                    notify=notify,
                    executor=executor,
                )
    _print_study(study)
    line = f"Study: {folder.resolve() / STUDY}"
    print_line(line, out)
    if not study.ranked:
        raise HyperbenchError(f"All {len(study.trials)} trials of {method!r} failed.")
    return left_out.number


def _wanted(id_: str, rules: EvalProtocol, registry: Registry) -> Wanted:
    """What is needed of a family: demonstrations of source and validation tasks of any split."""
    family = registry.make_family(id_)
    splits = [rules.split(family, pair.split) for pair in rules.seeds]
    shown = {task.key for split in splits for task in (*split.source, *split.validation)}
    return Wanted(id_, rules, tuple(task for task in family.tasks if task.key in shown))


def _print_study(study: Study) -> None:
    """Show a study's best trials, what failed, and how to run a board with the best settings."""
    shown = Table(
        title=f"{study.method}, {len(study.trials)} trials",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for name in ("trial", "score", "seconds", *study.search):
        shown.add_column(name, justify="right", no_wrap=True)
    for trial in study.ranked[:_NUM_TRIALS_SHOWN]:
        settings = [_short(trial.settings[name]) for name in study.search]
        label = f"{trial.number} (default)" if trial.number == 0 else str(trial.number)
        shown.add_row(label, f"{trial.score:.3f}", f"{trial.seconds:.0f}", *settings)
    out.print(shown)
    for trial in study.trials:
        if trial.status == "failed":
            out.print(
                f"[red]failed[/]  trial {trial.number}: {escape(trial.error or '')}",
                highlight=False,
            )
    out.print(
        "score: random = 0, expert = 1; mean over validation tasks of splits that no board uses.",
        style="dim",
        highlight=False,
    )
    if study.ranked:
        # What the user fixed as well: without it the run would be another one.
        fixed = {name: study.config[name] for name in study.overrides}
        best = fixed | study.ranked[0].settings
        options = shlex.join(
            word for name, value in best.items() for word in ("--set", f"{name}={spelled(value)}")
        )
        print_line(f"Best: {options}", out)


def _short(value: Setting) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
