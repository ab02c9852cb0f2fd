"""Runs: one fit of one method on one family under one pair of seeds, as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from hyperbench.protocol import EvalProtocol, SeedPair, Track
from hyperbench.seeding import content_hash

if TYPE_CHECKING:  # they bring NumPy and Gymnasium, which naming rows does not need
    from hyperbench.family import FamilyInfo
    from hyperbench.task import TaskSpec

_ZERO_SHOT = "zero-shot"


def without_track(row: str) -> str:
    """The name that a row has where no method sees support."""
    return row.removesuffix(f" ({_ZERO_SHOT})")


def spelled(value: object) -> str:
    """A setting's value in the one spelling that names rows, and that ``--set`` reads again."""
    if isinstance(value, str) and not _means_another_thing(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _means_another_thing(text: str) -> bool:
    """Whether a text without quotes may be read as something else than a text."""
    try:
        json.loads(text)
    except ValueError:
        return text in ("", "~", "None")
    return True


class Run(BaseModel):
    """One fit of one method, or one control arm, on one family under one pair of seeds.

    The unit of scheduling, caching and resuming. ``plan`` makes it; an executor hands it to
    ``conductor.execute``, in whichever process; the ``RunRecord`` of what was done extends it.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings"
    )

    key: str
    """Content hash of everything that decides the result; the name of the run's folder."""
    method: str
    """Name of the method or control arm."""
    is_arm: bool
    """Whether it is a control arm of the harness."""
    method_version: int = 0
    """Version of the method's code; 0 for an arm."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """The fewest settings that make the config of the method's defaults and the protocol's budget;
    in records from before, those that were typed, as they were."""
    config: dict[str, Any] = Field(default_factory=dict)
    """All settings of the method, JSON-like; none of an arm."""
    family: str
    """Id, with its version."""
    protocol: EvalProtocol
    """The rules."""
    seeds: SeedPair
    """Split and fit seed."""
    device: str
    """``"cpu"`` or ``"cuda"``."""
    demonstrations: str | None = None
    """Content hash of the demonstrations' identity."""
    track: Track = "zero-shot"
    """What the method may see of a target task; zero-shot methods may run under few-shot
    protocols, and see the spec alone there, too."""
    shuffled_spec: bool = False
    """Whether each policy is generated for another target task's spec: a control."""
    spec_noise: float = 0.0
    """Standard deviation of the noise on the numbers that are shown of target tasks: a control
    where there is any."""
    hidden_feature: str | None = None
    """The feature of target tasks that is shown in the middle of its range: a control."""
    policies: str | None = None
    """Content hash of the policies that were handed in under the name ``method``; None where they
    are a method's, or an arm's."""

    @property
    def label(self) -> str:
        """The run for people: method, family and seeds."""
        seeds = f"split {self.seeds.split}"
        if self.is_fitted:
            seeds += f", fit {self.seeds.fit}"
        return f"{self.row_label} on {self.family} ({seeds})"

    @property
    def row_label(self) -> str:
        """The run's method as a board names it.

        With the settings that were changed, the fault of the specs, and, where other methods see
        support, whether this one did not.
        """
        label = self.method
        if self.overrides:
            settings = ", ".join(
                # As typed they would name equal configs differently.
                f"{name}={spelled(self.config[name]) if name in self.config else typed}"
                for name, typed in sorted(self.overrides.items())
            )
            label += f" [{settings}]"
        notes = ["shuffled-spec"] if self.shuffled_spec else []
        notes += [f"spec-noise {self.spec_noise:g}"] if self.spec_noise else []
        notes += [f"hidden {self.hidden_feature}"] if self.hidden_feature is not None else []
        if self.protocol.track == "few-shot" and self.track == "zero-shot" and self.is_fitted:
            notes.append(_ZERO_SHOT)
        return f"{label} ({', '.join(notes)})" if notes else label

    @property
    def is_fitted(self) -> bool:
        """Whether a method is fitted: neither an arm is played, nor what was handed in."""
        return not self.is_arm and self.policies is None

    @property
    def is_control(self) -> bool:
        """Whether it knows more or less than a method may, or nobody knows what it knows.

        That is an arm, faulty specs, and policies that were handed in.
        """
        return not self.is_fitted or self.is_faulty

    @property
    def is_faulty(self) -> bool:
        """Whether policies are generated for other specs than those of the tasks."""
        return self.shuffled_spec or self.spec_noise > 0 or self.hidden_feature is not None

    @property
    def sound(self) -> Self:
        """The run without the fault; the key remains."""
        return self.model_copy(
            update={"shuffled_spec": False, "spec_noise": 0.0, "hidden_feature": None}
        )

    @property
    def num_support_due(self) -> int:
        """Demonstrations of each target task that the method is handed; 0 if not few-shot."""
        return self.protocol.num_support if self.track == self.protocol.track == "few-shot" else 0

    def key_for(self, info: FamilyInfo, tasks: Sequence[TaskSpec]) -> str:
        """Content hash of everything that decides the run's result.

        Args:
            info: of the run's family, as it was when the run was planned.
            tasks: all of the family's.
        """
        from hyperbench.policy import ARITHMETIC

        is_played = not self.is_fitted and info.has_demonstrators
        identity: dict[str, Any] = {
            "method": self.method,
            "method_version": self.method_version,
            "config": self.config,
            "family": info.id,
            "experts": info.expert_version,
            "physics": info.physics,
            "tasks": [task.key for task in tasks],
            "protocol": self.protocol.rules_hash,
            "split_seed": self.seeds.split,
            "fit_seed": self.seeds.fit if self.is_fitted else None,
            "device": self.device,
            "demonstrations": None if is_played else self.demonstrations,
            "arithmetic": ARITHMETIC,
        }
        # Left out where they are as they were before there was a choice: finished runs keep their
        # keys.
        if self.track != "zero-shot":
            identity["track"] = self.track
        if self.shuffled_spec:
            identity["shuffled_spec"] = True
        if self.spec_noise:
            identity["spec_noise"] = self.spec_noise
        if self.hidden_feature is not None:
            identity["hidden_feature"] = self.hidden_feature
        if self.policies is not None:
            identity["policies"] = self.policies
        return content_hash(identity)
