"""Draw docs/manipulation.png, experts at work in three families; needs pillow and OpenGL."""

from pathlib import Path

import numpy as np
from PIL import Image

from hyperbench.family import TaskFamily
from hyperbench.policy import info_key
from hyperbench.registry import installed

FAMILIES = ("goal-pick-place-v1", "goal-hammer-v1", "pick-size-v1")
NUM_PICTURES = 4
SIZE = (300, 225)


def strip(family: TaskFamily) -> np.ndarray:
    """Evenly spaced pictures of an episode, up to its success, side by side."""
    task = family.tasks[3]
    expert = family.expert([task])
    env = family.make(task, "rgb_array")
    observation, info = env.reset(seed=1)
    pictures = [env.render()]
    done = False
    while not done:
        seen = observation if info_key(expert) is None else info[info_key(expert)]
        observation, _, ended, cut, info = env.step(expert.act(seen[None, None])[0, 0])
        pictures.append(env.render())
        done = ended or cut or info["success"]
    env.close()
    chosen = np.linspace(0, len(pictures) - 1, NUM_PICTURES).round().astype(int)
    return np.hstack([Image.fromarray(pictures[i]).resize(SIZE) for i in chosen])


if __name__ == "__main__":
    rows = [strip(installed().make_family(f"manipulation/{name}")) for name in FAMILIES]
    picture = Image.fromarray(np.vstack(rows)).quantize(128)
    picture.save(Path(__file__).with_name("manipulation.png"), optimize=True)
