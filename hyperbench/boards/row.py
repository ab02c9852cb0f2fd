"""What a board holds; made by ``leaderboard``, shown by ``console`` and ``report``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One method, or control, on a board.

    Controls are the harness's arms and learned methods with shuffled specs; ``is_arm`` marks both.
    Scores are interquartile means over runs x target tasks. None stands for "nothing to tell".
    """

    method: str
    is_arm: bool
    score: float | None
    interval: tuple[float, float] | None
    mean_return: float | None
    success_rate: float | None
    interpolation: float | None
    extrapolation: float | None
    family_scores: dict[str, float | None]
    num_runs: int
    num_failed: int
    num_parameters: int | None
    policy_parameters: int | None
    fit_seconds: float | None
    generate_seconds: float | None
    rank: int | None = None
    """Among learned methods; shared where the paired interval of the difference contains 0."""
    mean: float | None = None
    median: float | None = None
    optimality_gap: float | None = None
    """How far scores fall short of 1 on average, those above 1 counted as 1."""
    success_interval: tuple[float, float] | None = None
    mean_length: float | None = None
    """Control steps an episode, failed ones counted to the horizon; where some end at success."""
    lasting_rate: float | None = None
    """Share of episodes that succeed and at whose horizon this is still true; likewise."""
    family_successes: dict[str, float | None] = field(default_factory=dict)
    """Success rate in each family; where some end at success."""
    num_missing: int = 0
    """Runs that the protocol asks for on this board's families and of which there is no record."""


@dataclass(frozen=True)
class Board:
    """One protocol's rows, best first, over the families its records are of."""

    protocol: str
    families: tuple[str, ...]
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    """One line per failed run: which, and why."""
    notes: tuple[str, ...]
    """What a reader must know to read the numbers rightly."""
    by_success: bool = False
    """Whether success rate, not score, is the headline that orders and ranks rows: where all
    episodes end at success, scores are near 0 or 1 and their interquartile mean hides much."""

    def headline(self, row: Row) -> tuple[float | None, tuple[float, float] | None]:
        """What a row is ordered by, and its 95 % interval."""
        if self.by_success:
            return row.success_rate, row.success_interval
        return row.score, row.interval

    def family_headlines(self, row: Row) -> dict[str, float | None]:
        """The same of each family."""
        return row.family_successes if self.by_success else row.family_scores
