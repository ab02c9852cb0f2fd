"""Draw docs/pointmass.png; needs matplotlib: ``python docs/pointmass_plot.py``."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from hyperbench.registry import installed

mpl.use("Agg")
from matplotlib import pyplot as plt

family = installed().make_family("pointmass/goal-drag-v1")
drags = sorted({task["drag"] for task in family.tasks})
figure, panels = plt.subplots(1, len(drags), figsize=(9, 3.3), sharey=True)
for panel, drag in zip(panels, drags, strict=True):
    tasks = [task for task in family.tasks if task["drag"] == drag]
    env, expert = family.make_vec(tasks), family.expert(tasks)
    observations, _ = env.reset(seed=[1] * len(tasks))
    path = [observations]
    for _ in range(family.info.horizon):
        observations, *_ = env.step(expert.act(observations[:, None])[:, 0])
        path.append(observations)
    for places in np.stack(path, axis=1):  # (num_steps, 4) of each task
        panel.plot(places[:, 0], places[:, 1], ".-", color="#0072b2", lw=0.8, markersize=3)
    goals = np.array([(task["goal_x"], task["goal_y"]) for task in tasks])
    panel.plot(*goals.T, "o", color="#d55e00", markersize=8, fillstyle="none")
    panel.set(title=f"drag {drag:g} 1/s", xlabel="x [m]", aspect="equal")
panels[0].set_ylabel("y [m]")
figure.tight_layout()
figure.savefig(Path(__file__).with_name("pointmass.png"), dpi=110)
