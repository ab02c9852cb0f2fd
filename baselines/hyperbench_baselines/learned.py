"""What a method in torch is written with: a network to ``build``, a ``loss``, and nothing else.

The public names of the modules in ``common``. A ``LearnedGenerator`` fits, generates, saves, loads
and goes on with an interrupted fit; a method adds its network, which maps specs (num_tasks,
shown_dim) to ``Layers``, and its loss, for which ``cloning_loss`` is there. Networks draw their
initial weights from the generator they are handed: ``Linear`` and ``uniform`` do.
"""

from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import EmbeddingConfig, LayerSizes, LearningConfig
from hyperbench_baselines.common.layers import Linear, TaskEmbedding, uniform
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, act, cloning_loss

__all__ = [
    "Batch",
    "Dimensions",
    "EmbeddingConfig",
    "LayerSizes",
    "Layers",
    "LearnedGenerator",
    "LearningConfig",
    "Linear",
    "TaskEmbedding",
    "act",
    "cloning_loss",
    "uniform",
]
