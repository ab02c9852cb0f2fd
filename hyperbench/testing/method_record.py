"""The check that a run of the method can be recorded, read and played again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

from hyperbench.errors import contract_error, one_line
from hyperbench.hookspecs import registered_in
from hyperbench.measuring.conductor import why_not_stored
from hyperbench.policy import STORABLE, StorablePolicies
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.provenance import provenance
from hyperbench.records.record import RunRecord, SplitEntry
from hyperbench.records.store import write_record
from hyperbench.registry import PluginSource, Registry, installed
from hyperbench.rollout import judged_seeds, rollout
from hyperbench.run import Run
from hyperbench.split import Split
from hyperbench.testing.line import LineFamily
from hyperbench.testing.method_case import MethodCase
from hyperbench.verification.replay import verify_run

_PROTOCOL = EvalProtocol(
    id="testing-v1",
    summary="a few episodes, to be written and played again",
    source_fraction=0.6,
    num_episodes=2,
    seeds=(SeedPair(split=0, fit=0),),
)


class _Registry(Registry):
    """Knows the world of the kit, and how the policies are read that it is made for.

    Args:
        policies: their class.
    """

    def __init__(self, policies: type[StorablePolicies]) -> None:
        super().__init__([PluginSource("testing", "hyperbench-rl", "", lambda: LineFamily)])
        self._policies = policies

    def policy_kind(self, kind: str) -> type[StorablePolicies]:
        # A file that is tested need not be plugged in.
        return self._policies if registered_in(self._policies) else installed().policy_kind(kind)


def check_record_is_verified(case: MethodCase) -> None:
    """Check that what a run gives is written, read and plays again as it was judged.

    A board's rows are verified from their stored policies alone. Policies of no kind are measured
    and not stored; demonstrations of one's own have no world here that could judge.
    """
    family = LineFamily()
    if case.demonstrations.specs[0].family != family.info.id:
        return
    split = _PROTOCOL.split(family, 0)
    policies = case.generate(case.reference.generator, split.target)
    if not all(hasattr(policies, member) for member in STORABLE):
        return
    if not registered_in(type(policies)) and (why := why_not_stored(policies, installed())):
        raise contract_error(
            case.name,
            "policies that can be stored must be of a registered kind.",
            f"{why}.",
            "Write @hb.register_policy_kind above their class, or a hook hyperbench_policy_kinds.",
        )
    try:
        storable = cast(StorablePolicies, policies)
        found = "; ".join(_differences(case, family, split, storable))
        cause = None
    except Exception as error:  # a stranger's code may raise anything
        found, cause = one_line(error), error
    if found:
        raise contract_error(
            case.name,
            "a run must be the same when its record is read and its policies play again.",
            f"{found}.",
            "to_arrays must give every number that act uses, and from_arrays and take keep it.",
        ) from cause


def _differences(
    case: MethodCase, family: LineFamily, split: Split, policies: StorablePolicies
) -> tuple[str, ...]:
    """Record a run as the conductor does, and give the reasons why it is not verified."""
    seeds = judged_seeds(split, _PROTOCOL)
    table = rollout(family, split.target, policies, seeds)
    generator = case.reference.generator
    run = Run(
        key="",
        method=case.method.__name__,
        is_arm=False,
        config=generator.config.model_dump(mode="json"),
        family=family.info.id,
        protocol=_PROTOCOL,
        seeds=_PROTOCOL.seeds[0],
        device="cpu",
    )
    said = {**dict(run), "key": run.key_for(family.info, family.tasks)}
    record = RunRecord(
        status="ok",
        family_info=family.info,
        split=SplitEntry.of(split),
        fit=case.reference.report,
        num_target_rollouts=seeds.size,
        num_clipped=table.num_clipped,
        provenance=provenance(),
        **said,
    )
    with tempfile.TemporaryDirectory() as folder:
        stored = write_record(Path(folder), record, table, policies, generator)
        registry = _Registry(type(policies))
        return verify_run(stored.folder, registry, num_tasks=2, seed=0).reasons
