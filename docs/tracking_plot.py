"""Draw docs/tracking.png; needs matplotlib: ``python docs/tracking_plot.py``."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from hyperbench_locomotion.bodies import BODIES, reward_function

mpl.use("Agg")
from matplotlib import pyplot as plt

TARGETS = (-4.0, 0.5, 2.0, 6.0)
body = BODIES["cheetah"]
speeds = np.linspace(-8, 12, 801)
figure, panels = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
for suite, panel in zip(("locomotion", "tracking"), panels, strict=True):
    reward = reward_function(suite, body)
    for target in TARGETS:
        (line,) = panel.plot(
            speeds, reward(speeds, np.full_like(speeds, target)), label=f"{target:g} m/s"
        )
        panel.axvline(target, color=line.get_color(), linewidth=0.8, linestyle=":")
    panel.set(title=suite, xlabel="speed [m/s]", ylim=(-0.03, 1.05))
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("reward")
figure.tight_layout(rect=(0, 0, 0.9, 1))
figure.legend(
    *panels[0].get_legend_handles_labels(), title="target", loc="center right", frameon=False
)
figure.savefig(Path(__file__).with_name("tracking.png"), dpi=110)
