"""A pole on a cart that nobody plays here, and episodes of it as Minari stores them."""

import gymnasium
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from hyperbench import GymnasiumFamily

ID = "shown/cart-pole-v1"
HORIZON = 40


def cart_pole():
    features = {"gravity": [5.0, 15.0], "force_mag": [-10, 6, 10]}
    return GymnasiumFamily("CartPole-v1", id=ID, features=features, horizon=HORIZON)


FAMILY = cart_pole()


class Contexts(gymnasium.Wrapper):
    """Plays what the options of a reset ask for."""

    def reset(self, *, seed=None, options=None):
        for name, value in (options or {}).items():
            setattr(self.unwrapped, name, value)
        return self.env.reset(seed=seed)


def played(task, seed, step=lambda *_: None):
    """Observations, actions and rewards of one who balances; ``step`` is told of each."""
    env = Contexts(gymnasium.make("CartPole-v1", max_episode_steps=HORIZON))
    seen, actions, rewards = [], [], []
    options = dict(zip(task.space.names, task.values, strict=True))
    observation, _ = env.reset(seed=seed, options=options)
    seen.append(observation)
    over = False
    while not over:
        right = observation @ [0.05, 0.2, 1.0, 0.7] > 0
        actions.append(int(right == (task["force_mag"] > 0)))
        observation, reward, terminated, truncated, _ = env.step(actions[-1])
        seen.append(observation)
        rewards.append(float(reward))
        over = terminated or truncated
    ends = np.arange(1, len(rewards) + 1) == len(rewards)
    return {
        "seed": seed,
        "options": options,
        "observations": np.array(seen),
        "actions": np.array(actions),
        "rewards": np.array(rewards),
        "terminations": ends & terminated,
        "truncations": ends & truncated,
    }


EPISODES = [played(task, 10 * i + n) for n in range(3) for i, task in enumerate(FAMILY.tasks)]


def stored(folder, episodes, observation=None, action=None):
    """A dataset as Minari writes it."""
    env = gymnasium.make("CartPole-v1")
    folder.mkdir(exist_ok=True)
    storage = MinariStorage.new(
        folder / "data",
        observation_space=observation or env.observation_space,
        action_space=action or env.action_space,
        env_spec=env.spec,
        data_format="hdf5",
    )
    storage.update_episodes([EpisodeBuffer(**episode) for episode in episodes])
    storage.update_metadata({"dataset_id": "mine/x-v0", "minari_version": minari.__version__})
    return str(folder)
