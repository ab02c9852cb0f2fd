"""Draw docs/independent.png; needs matplotlib: ``python docs/independent_plot.py``."""

import json
from pathlib import Path

import matplotlib as mpl
from hyperbench_locomotion.experts.evaluate import card_path

mpl.use("Agg")
from matplotlib import pyplot as plt

UNITS = {"cheetah": "m/s", "walker": "m/s", "finger": "rad/s"}
figure, panels = plt.subplots(1, 3, figsize=(12, 3.2), sharey=True)
for (body, unit), panel in zip(UNITS.items(), panels, strict=True):
    for suite, label in (("locomotion", "expert"), ("independent", "demonstrator of its own")):
        card = json.loads(card_path(f"{suite}/{body}-speed-v1").read_text())
        speeds = [float(name.removeprefix("speed=")) for name in card["task_returns"]]
        marker = "-" if suite == "locomotion" else "o"
        panel.plot(speeds, card["task_returns"].values(), marker, markersize=4, label=label)
    panel.set(title=f"independent/{body}-speed", xlabel=f"target speed [{unit}]", ylim=(0, 1030))
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("mean return")
panels[0].legend(frameon=False, loc="lower center")
figure.tight_layout()
figure.savefig(Path(__file__).with_name("independent.png"), dpi=110)
