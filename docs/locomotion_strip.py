"""Draw docs/locomotion.png, experts at a gait in three families; needs pillow and OpenGL."""

from pathlib import Path

import numpy as np
from PIL import Image

from hyperbench.registry import installed

EXPERTS = {
    "cheetah-speed-v1": {"speed": 6},
    "walker-speed-v1": {"speed": 2},
    "finger-speed-v1": {"speed": 10},
}
START, STEP, NUM_PICTURES = 100, 8, 4
"""Control steps: when the gait is there, and from one picture to the next."""
SIZE = (300, 225)


def strip(name: str, features: dict[str, float]) -> np.ndarray:
    """Pictures of an episode, side by side."""
    family = installed().make_family(f"locomotion/{name}")
    [task] = [t for t in family.tasks if all(t[key] == value for key, value in features.items())]
    expert, env = family.expert([task]), family.make(task, "rgb_array")
    observation, _ = env.reset(seed=1)
    pictures = []
    for step in range(START + STEP * NUM_PICTURES):
        if step >= START and (step - START) % STEP == 0:
            pictures.append(np.array(Image.fromarray(env.render()).resize(SIZE)))
        observation, *_ = env.step(expert.act(observation[None, None])[0, 0])
    env.close()
    return np.hstack(pictures)


if __name__ == "__main__":
    rows = [strip(name, features) for name, features in EXPERTS.items()]
    picture = Image.fromarray(np.vstack(rows)).quantize(128)
    picture.save(Path(__file__).with_name("locomotion.png"), optimize=True)
