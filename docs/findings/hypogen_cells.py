"""What the study of HyPoGen's claim measures: the published protocol, ours, and all between."""

from __future__ import annotations

from dataclasses import replace

from more_demonstrations import MANY
from study import Cell

METHODS = ("hypogen", "hyperzero", "conditional", "nearest-clone")
READS_SPEC = ("hypogen", "hyperzero", "conditional")
INDEPENDENT, UNIVERSAL = "independent/cheetah-speed", "locomotion/cheetah-speed"
CUBE = "manipulation/lift-stiffness"


def each(setting: str, methods: tuple[str, ...] = METHODS) -> tuple[str, ...]:
    """One setting for several methods."""
    return tuple(f"{method}.{setting}" for method in methods)


SWITCHES = {
    "size and loss": (
        *("hypogen.num_blocks=8", "hypogen.code_width=128", "hypogen.codec_width=256"),
        *("hypogen.block_width=128", "hypogen.value_weight=0.01", "hypogen.td_weight=0.01"),
    ),
    "spec units": each("spec_units=raw", READS_SPEC),
    "observations": each("observations=raw"),
    "checkpoint": each("choose_by=last"),
    "head initialisation": ("hyperzero.head_init=linear",),
    "learning rate": (
        "hypogen.learning_rate=5e-4",
        *each("learning_rate=1e-4", ("hyperzero", "conditional")),
    ),
}
"""What the published protocol has otherwise; in this order it is turned into ours. The size comes
first: of the published one a fit takes many times as long."""

STRUCTURE = {
    "one perceptron a block": "structure=flat",
    "step sizes that read the spec": "step_size=predicted",
    "without layer norm": "layer_norm=false",
    "products of Jacobians from slices": "jacobian_product=slice",
    "every block supervised": "early_supervision=true",
    "one block": "num_blocks=1",
    "six blocks": "num_blocks=6",
}
"""What HyPoGen can do otherwise; where it is not HyPoGen's, runs are those of ours."""


def cell(name: str, settings: tuple[str, ...] = (), family: str = INDEPENDENT, **more) -> Cell:
    """One measurement of all methods."""
    return Cell(name, METHODS, settings, family, **more)


def together(*names: str) -> tuple[str, ...]:
    """The settings of several switches."""
    return tuple(setting for name in names for setting in SWITCHES[name])


def waterfall(family: str) -> list[Cell]:
    """Published, then one switch after the other turned into ours."""
    names = list(SWITCHES)
    labels = ("published", *(f"then {name}" for name in names))
    return [cell(f"{i} {each}", together(*names[i:]), family) for i, each in enumerate(labels)]


NUM_STEPS, DECAYS_FROM = 1500, 900
"""Of the default schedule: how many gradient steps, and after which the learning rate falls."""


def stopped_at(step: int) -> Cell:
    """The weights that a fit of the default schedule has after some steps, whatever it chooses."""
    left = 1 - 0.99 * max(0, step - DECAYS_FROM) / (NUM_STEPS - DECAYS_FROM)
    schedule = (
        f"num_steps={step}",
        f"decay_start={min(1.0, DECAYS_FROM / step)}",
        f"final_learning_rate={left}",
        "choose_by=last",
    )
    return cell(f"stopped at {step}", tuple(s for one in schedule for s in each(one)))


STOPPED = [stopped_at(step) for step in (300, 600, 900, 1100, 1300)]
LAST = "ours but checkpoint"
"""The cell of the same fits' last weights."""


OURS = cell("ours")
CELLS = [
    OURS,
    *(cell(f"ours but {name}", SWITCHES[name]) for name in SWITCHES if name != "size and loss"),
    *STOPPED,
    cell("one network demonstrates", family=UNIVERSAL),
    cell("100 demonstrations", protocol=MANY.id),
    *reversed(waterfall(INDEPENDENT)[1:-1]),
    cell("6000 steps", each("num_steps=6000")),
    cell("cube ours", family=CUBE),
    cell("cube spec units", SWITCHES["spec units"], CUBE),
    *(replace(cell, name=f"cube {cell.name}") for cell in waterfall(CUBE)[1:2]),
    *(
        cell(f"cube {', '.join(names)}", together(*names), CUBE)
        for names in (
            ("spec units", "head initialisation"),
            ("spec units", "learning rate"),
            ("spec units", "head initialisation", "learning rate"),
            ("observations",),
            ("spec units", "observations"),
        )
    ),
    cell("ours but size and loss", SWITCHES["size and loss"]),
    waterfall(INDEPENDENT)[0],
    cell("one network demonstrates, published", together(*SWITCHES), UNIVERSAL),
    replace(waterfall(CUBE)[0], name="cube 0 published"),
    *(
        cell(f"6000 steps but {name}", (*each("num_steps=6000"), *SWITCHES[name]))
        for name in ("learning rate", "observations")
    ),
    cell("24000 steps", each("num_steps=24000"), splits=2),
    *(cell(name, (f"hypogen.{setting}",)) for name, setting in STRUCTURE.items()),
]
"""The cheaper ones first."""
