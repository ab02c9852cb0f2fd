"""Refitting: a run is fitted anew from its record, and what it generates is compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from hyperbench.errors import DataError, HyperbenchError, PluginError
from hyperbench.events import Notify
from hyperbench.executors import Site
from hyperbench.generator import PolicyGenerator
from hyperbench.measuring.conductor import execute
from hyperbench.provenance import provenance
from hyperbench.records.agreement import elsewhere
from hyperbench.records.bundle import checksums_of_policies
from hyperbench.records.bundled import BundledRun
from hyperbench.records.record import RunRecord
from hyperbench.records.store import POLICIES, StoredRun
from hyperbench.registry import Registry
from hyperbench.run import Run


class Refit(BaseModel):
    """What became of fitting one run anew."""

    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, ser_json_inf_nan="strings"
    )

    record: RunRecord
    """The run's."""
    outcome: Literal["same", "other", "impossible"]
    """``same`` if all policies are, bit for bit; ``impossible`` if nothing could be fitted."""
    why: str = ""
    """What stands in the way, or why other bits are to be expected; empty where they are not."""
    recorded: float | None = None
    """Mean return of the judged episodes, in the record."""
    refitted: float | None = None
    """Mean return of the same episodes, played with the refit's policies."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against the record: other bits are no fault where rounding is."""
        return self.outcome != "other" or bool(self.why)


def refit_run(run: StoredRun, registry: Registry, site: Site, notify: Notify) -> Refit:
    """Fit one run of a method anew, judge it, and compare its policies with those on record.

    Args:
        run: sound, of a method, with policies.
        registry: resolves the record's names.
        site: where demonstrations are, which are made if they are not there; nothing is written to
            its folder of runs.
        notify: told how far the fit is.
    """
    record = run.record
    try:
        if POLICIES not in record.sha256:
            raise DataError("the run generated no policies that were stored")
        with fitted_anew(record, registry, site, notify) as again:
            same = checksums_of_policies(again.policies(registry)) == _checksums(run, registry)
            refitted = float(np.mean(again.task_returns()))
    except HyperbenchError as error:
        return Refit(record=record, outcome="impossible", why=str(error))
    return Refit(
        record=record,
        outcome="same" if same else "other",
        why="" if same else _why_other(record, registry),
        recorded=float(np.mean(run.task_returns())),
        refitted=refitted,
    )


@contextmanager
def fitted_anew(
    record: RunRecord, registry: Registry, site: Site, notify: Notify
) -> Iterator[StoredRun]:
    """Do a run again as its record says; what it gave is there until the block ends.

    Args:
        record: of a method's run.
        registry: resolves its names.
        site: as of ``refit_run``.
        notify: told how far the fit is.

    Raises:
        HyperbenchError: the method is not installed in the record's version, or the fit failed.
    """
    if not record.is_fitted:
        raise DataError("its policies were handed in")
    entry = registry.method_entry(record.method)
    if entry.version != record.method_version:
        raise PluginError(f"it is of version {record.method_version}, installed is {entry.version}")
    planned = Run.model_validate({name: getattr(record, name) for name in Run.model_fields})
    with TemporaryDirectory() as folder:
        own = replace(site, runs=Path(folder))
        made = execute(planned, own, notify, registry=registry)
        if made.status == "failed":
            raise DataError(f"it failed: {made.error}")
        yield StoredRun(made, own.runs / made.key)


@contextmanager
def generator_of(
    run: StoredRun, registry: Registry, site: Site, notify: Notify
) -> Iterator[PolicyGenerator]:
    """Load a run's fitted generator; where it is not there, from a fit done anew.

    Raises:
        HyperbenchError: as of ``fitted_anew``, or the generator cannot be loaded.
    """
    method = registry.method_class(run.record.method)
    generator = method(method.Config.model_validate(run.record.config))
    if run.keeps_generator:
        generator.load(run.generator)
        yield generator
        return
    with fitted_anew(run.record, registry, site, notify) as again:
        generator.load(again.generator)
        yield generator


def _checksums(run: StoredRun, registry: Registry) -> list[str]:
    if isinstance(run, BundledRun):
        return run.policy_checksums
    return checksums_of_policies(run.policies(registry))


def _why_other(record: RunRecord, registry: Registry) -> str:
    """Why a refit here may give other bits; empty if it should give the same."""
    if record.device != "cpu":
        return f"fitted on {record.device}"
    here = provenance(registry.packages_of(record.family, record.method))
    if where := elsewhere(record.provenance, here):
        return where
    found = registry.fingerprints(record.family, record.method)
    differing = found.differing(record.fingerprints)
    return f"other code of {' and '.join(differing)}" if differing else ""
