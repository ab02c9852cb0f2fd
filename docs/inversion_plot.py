"""Draw docs/inversion.png; needs matplotlib: ``python docs/inversion_plot.py``, half a minute."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from hyperbench_locomotion.inversion import GAINS, LENGTHS, CheetahActuators
from hyperbench_pointmass.frame import NUM_ANGLES, Frame

from hyperbench.arms import RandomPolicies
from hyperbench.rollout import episode_seeds, rollout

mpl.use("Agg")
from matplotlib import pyplot as plt

frames, cheetahs = Frame(), CheetahActuators()


def share(family, tasks, played, num_episodes):
    """What the experts of ``played`` keep on ``tasks``, clipped, task by task."""
    seeds = episode_seeds(0, "inversion plot", tasks, num_episodes)
    random, expert, other = (
        rollout(family, tasks, policies, seeds, num_threads=2).returns.mean(axis=1)
        for policies in (
            RandomPolicies(family, tasks),
            family.expert(tasks),
            family.expert(played),
        )
    )
    return np.clip((other - random) / (expert - random), 0, 1)


def framed(step, mirrored):
    """The tasks whose frame is some steps of the grid away, one for each task that is upright."""
    names = "yes" if mirrored else "no"
    angles = [(i + step) % NUM_ANGLES * 360 / NUM_ANGLES for i in range(NUM_ANGLES)]
    return [frames.task(angle=angle, mirrored=names) for angle in angles]


figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
upright = framed(0, False)
degrees = np.arange(NUM_ANGLES // 2 + 1) * 360 / NUM_ANGLES
for mirrored, label in ((False, "same handedness"), (True, "the other one")):
    kept = [
        share(frames, upright, framed(step, mirrored), 4).mean() for step in range(len(degrees))
    ]
    print(label, dict(zip(degrees.tolist(), np.round(kept, 2).tolist(), strict=True)))
    panels[0].plot(degrees, kept, "o-", markersize=4, label=label)
panels[0].set(
    title="inversion/point-frame", xlabel="the played expert's frame is away by [degrees]"
)
for gain in GAINS:
    for motors, style in (("direct", "o-"), ("inverted", "x:")):
        asked = [cheetahs.task(length=length, motors="direct", gain=gain) for length in LENGTHS]
        kept = [
            share(
                cheetahs,
                asked,
                [cheetahs.task(length=length, motors=motors, gain=other) for length in LENGTHS],
                2,
            ).mean()
            for other in GAINS
        ]
        print(gain, motors, np.round(kept, 2))
        label = f"gain {gain}" if motors == "direct" else None
        panels[1].plot(GAINS, kept, style, markersize=4, color=f"C{GAINS.index(gain)}", label=label)
panels[1].set(
    title="inversion/cheetah-actuators",
    xlabel="gain of the played expert (dotted: of the other motors)",
)
panels[0].set(ylabel="share of the expert's return", ylim=(-0.03, 1.05))
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8)
figure.tight_layout()
figure.savefig(Path(__file__).with_name("inversion.png"), dpi=110)
