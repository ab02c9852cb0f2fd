"""Interpolation: one clone per source task, and the mean of the nearest ones for any other task.

No paper: what a hypernetwork has to beat. The weights of two networks can be averaged where both
grew from the same initial ones (Wortsman et al., "Model soups", ICML 2022), so all clones start
equal.

    theta_i     = argmin MSE of the actions of source task i,       from one theta_0 for all i
    theta(M)    = sum_i c_i(M) theta_i                              c >= 0, sum c = 1

The coefficients c(M) are those of linear interpolation between specs as they are shown. Inside the
convex hull of the source specs M = sum_i c_i M_i, carried by the corners of the Delaunay simplex
that M lies in; with one feature these are the two neighbours. Outside, M is replaced by the nearest
point of the hull: with weights as with anything else, extrapolation amplifies what is wrong with
them. On a circle, whose angles are shown as cosine and sine, each new angle is outside, and its
nearest point is on the chord between its neighbours. At a source spec the policy is that task's
clone.

Nothing but the clones is learned. Budget and batches are those of every method here, see
``common``: where there are more source tasks than a batch holds, each clone sees a share of them.
"""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from scipy.optimize import linprog, nnls
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.task import FloatArray
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.clones import Clones, ClonesConfig
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import cloning_loss

_SUM_WEIGHT = 1e4
"""How much more a sum of coefficients other than 1 counts than a distance between specs."""


def interpolation(points: FloatArray, point: FloatArray) -> FloatArray:
    """Find the coefficients of linear interpolation.

    Args:
        points: (num_points, shown_dim), distinct; flat and small sets are welcome.
        point: (shown_dim,), inside or outside their convex hull.

    Returns:
        (num_points,), not negative, of sum 1, at most shown_dim + 1 of them positive.
    """
    conditions = np.vstack([points.T, np.ones(len(points))])
    scale = np.append(np.ones(len(point)), _SUM_WEIGHT)
    nearest, _ = nnls(conditions * scale[:, None], np.append(point, 1.0) * scale)
    projected = points.T @ (nearest / nearest.sum())
    # Lifted onto a paraboloid, the simplices of Delaunay's triangulation are the faces seen from
    # below; so the cheapest combination is the one of the simplex that the point lies in.
    costs = ((points - projected) ** 2).sum(axis=1)
    found = linprog(costs, A_eq=conditions, b_eq=np.append(projected, 1.0), method="highs-ds")
    coefficients = nearest if found.x is None else found.x
    return coefficients / coefficients.sum()


class InterpolationConfig(ClonesConfig):
    """Hyper-parameters of the clones between which weights are interpolated."""

    learning_rate: float = Field(8.5e-3, gt=0)
    """Adam's learning rate until the decay; found by ``tune``."""
    weight_decay: float = Field(0.01, ge=0)
    """Share of itself, times the learning rate, that every parameter loses in a step; found by
    ``tune``."""


class Interpolation(LearnedGenerator):
    """Linear interpolation of clones."""

    Config: ClassVar[type[MethodConfig]] = InterpolationConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return Clones(dimensions, self.config, rng, interpolation)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the actions of each source task's own clone."""
        layers = cast(Clones, network).own(batch.specs)
        return cloning_loss(layers, batch, self.config.policy_activation)

    def validation_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the interpolated policies' actions."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
