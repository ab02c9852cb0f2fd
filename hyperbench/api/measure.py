"""Measuring from Python: what ``hyperbench run`` does, and its results as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hyperbench.api.asked import Asked, Settings, protocol_of, settings_said
from hyperbench.api.reading import data_root
from hyperbench.api.results import Results
from hyperbench.commands.executing import Place, tell_failures
from hyperbench.commands.run import measured
from hyperbench.commands.telling import Telling, listening
from hyperbench.executors import Here, Site
from hyperbench.measuring.plan import plan
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.run import Run
from hyperbench.view.console import LeftOut, print_line, standard_error
from hyperbench.view.listener import Listener


def bench(
    methods: Sequence[Any] | Any,
    suite: Any,
    protocol: str | EvalProtocol = "quick-v2",
    seeds: int | str | Sequence[int] | None = None,
    *,
    settings: Settings = (),
    baselines: bool = True,
    shuffled_spec: bool = False,
    device: str = "cpu",
    jobs: int = 0,
    executor: str = "local",
    executor_settings: Mapping[str, Any] | None = None,
    listeners: Sequence[str | Listener] = (),
    timeout: float | None = None,
    output_dir: str | Path = "runs",
    data_dir: str | Path | None = None,
    keep: bool = False,
    again: bool = False,
) -> Results:
    """Measure methods on unseen tasks beside the control arms, as ``hyperbench run`` does.

    The same plan, keys, records and resuming: what is finished in ``output_dir`` is not repeated,
    whichever of the two has measured it. Progress goes to standard error.

    Args:
        methods: one or several: names; classes of ``PolicyGenerator``; instances of one, whose
            config counts; functions ``(demonstrations, seed) -> (specs -> policies)``.
        suite: one or several: names of suites or families; families, or their classes.
        protocol: id, or itself.
        seeds: how many pairs of split and fit seed, or the seeds: ``[0, 7]``.
        settings: of methods, ``{"width": 64}`` or ``{"hypogen.width": 64}``, or as ``--set``.
        baselines: whether to measure the registered baseline methods as well.
        shuffled_spec: whether to measure each method with shuffled specs, too, as a control.
        device: for fits: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        jobs: runs at a time; 0 for as many as there are cores.
        executor: where runs are carried out. What cannot travel there is carried out here, one
            after the other, which is told.
        executor_settings: as a file after ``--executor-config`` has them.
        listeners: names, or instances, of what is told how runs go.
        timeout: seconds that a run may take where it can be stopped; None for as long as it likes.
        output_dir: for runs; ``runs`` in the working directory, as the command has it.
        data_dir: root of all demonstrations; by default ``HYPERBENCH_DATA_DIR``, or the user's
            cache.
        keep: whether to accept what other code gave.
        again: whether to measure finished runs again.

    Returns:
        The results of these runs, and of no others that lie beside them. A run that failed is on
        the board, as a failure.

    Raises:
        HyperbenchError: it cannot be planned.
    """
    asked = Asked(_several(methods), _several(suite))
    rules = protocol_of(protocol, seeds)
    site = Site(
        Path(output_dir).absolute(), data_root(data_dir), timeout=timeout, keep=keep, given=()
    )
    with asked.known():
        runs: dict[str, Run] = {}
        for turn, (names, said) in enumerate(_rounds(asked, settings_said(settings))):
            for name in asked.families():
                found = plan(
                    installed(),
                    names,
                    name,
                    rules,
                    baselines=baselines and not turn,
                    settings=said,
                    shuffled_spec=shuffled_spec,
                    device=device,
                    data_dir=site.data,
                    notify=LeftOut(),
                )
                runs |= {run.key: run for run in found}
        place = Place(executor, jobs, executor_settings or {})
        results = Results([site.runs / key for key in runs], asked.given, site.data)
        with listening(_several(listeners), site.runs, installed()) as telling:
            _measure(list(runs.values()), asked, place, site, telling, again)
            if listeners:
                telling.boards_made(results.boards)
    return results


def _measure(
    runs: Sequence[Run], asked: Asked, place: Place, site: Site, telling: Telling, again: bool
) -> None:
    """Carry out runs where they can be, and say which stay here."""
    reasons = {r.key: asked.stays(r.method) or asked.stays(r.family) for r in runs}
    staying = [run for run in runs if reasons[run.key]]
    leaving = [run for run in runs if not reasons[run.key]]
    err = standard_error()
    for why in dict.fromkeys(reasons[run.key] for run in staying):
        names = sorted(
            {r.method for r in staying if reasons[r.key] == why and not r.is_arm}
            or {r.family for r in staying if reasons[r.key] == why}
        )
        print_line(f"In this process, for it cannot travel: {', '.join(names)} ({why}).", err)
    for some, make in ((leaving, partial(place.make, installed())), (staying, Here)):
        if some:
            given = tuple(g for g in asked.given if make is Here or g.packed is not None)
            there = Site(site.runs, site.data, given=given, timeout=site.timeout, keep=site.keep)
            failed = measured(some, make, there, telling, again=again)
            tell_failures(failed, site.runs, debug=True)


def _rounds(asked: Asked, settings: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """Plans to make: a method that is asked for twice, with other settings, is in another one."""
    rounds: list[tuple[list[str], list[str]]] = []
    for name, own in asked.methods():
        place = next((r for r in rounds if name not in r[0]), None)
        if place is None:
            rounds.append(place := ([], list(settings)))
        place[0].append(name)
        taken = [each.rpartition("=")[0] for each in own]
        place[1][:] = [s for s in place[1] if s.partition("=")[0] not in taken]
        place[1].extend(f"{name}.{each}" for each in own)
    everybody = {name for names, _ in rounds for name in names}
    for names, said in rounds:
        elsewhere = everybody.difference(names)
        said[:] = [s for s in said if s.partition("=")[0].rpartition(".")[0] not in elsewhere]
    return rounds or [([], list(settings))]


def _several(asked: Any) -> list[Any]:
    return list(asked) if isinstance(asked, list | tuple) else [asked]
