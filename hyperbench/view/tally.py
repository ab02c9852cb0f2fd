"""How far several pieces of work are, and when they may be done."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from statistics import fmean

from hyperbench.events import Event
from hyperbench.run import Run

_FITTING = "fitting"
"""The stage that decides how long a run takes, and whose steps tell it."""
_MOST_OVERDUE = 0.1
"""What a run that takes longer than expected may still take, as a share of what it has taken."""


@dataclass(frozen=True)
class Underway:
    """A piece of work that is going on; times are of the tally's clock.

    Args:
        begun: when it was first heard of.
        first: what its stage began with.
        first_heard: when that was heard.
        last: what was heard last.
        last_heard: when.
    """

    begun: float
    first: Event
    first_heard: float
    last: Event
    last_heard: float

    @property
    def seconds_left(self) -> float | None:
        """What the stage takes from the last event on; None if nothing tells it."""
        num_done = self.last.step - self.first.step
        if num_done <= 0 or not self.last.num_steps:
            return None
        pace = (self.last_heard - self.first_heard) / num_done
        return pace * (self.last.num_steps - self.last.step)

    def __str__(self) -> str:
        last = self.last
        return f"{last.stage} {last.step}/{last.num_steps}" if last.num_steps else last.stage


class Tally:
    """Counts what is done, failed, going on and waiting, and estimates when all may be done.

    A run is expected to take as long as those of the same method did here, or as long as a fit of
    it says that is going on, or else as long as the mean of all fits or of all arms. As many are
    expected at a time as there have been at most.

    Args:
        labels: per run key what the run is called, in the order in which runs are begun. Events on
            anything else are not counted.
        runs: by key, as far as they are runs.
        families: whose boards are shown as soon as all their runs have ended.
        clock: in seconds.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        runs: Mapping[str, Run] | None = None,
        families: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._labels = labels
        self._runs = runs or {}
        self._families = families
        self._clock = clock
        self._underway: dict[str, Underway] = {}
        self._ended: dict[str, bool] = {}  # whether it failed
        self._seconds: dict[tuple[bool, str], list[float]] = {}
        self._most_at_a_time = 1
        self._lock = threading.Lock()  # one thread counts, another one shows

    @property
    def num_ended(self) -> int:
        """How many are done or have failed."""
        return len(self._ended)

    def hear(self, event: Event) -> Underway | None:
        """Count what an event says; gives how far its run is, None if it was not heard of before.

        An event that ends a run gives how far it was.
        """
        now = self._clock()
        with self._lock:
            known = self._underway.get(event.run)
            if event.status == "running":
                if known is None:
                    found = Underway(now, event, now, event, now)
                elif known.last.stage != event.stage:
                    found = Underway(known.begun, event, now, event, now)
                else:
                    found = Underway(known.begun, known.first, known.first_heard, event, now)
                self._underway[event.run] = found
                self._most_at_a_time = max(self._most_at_a_time, len(self._counted()))
                return found
            self._underway.pop(event.run, None)
            if event.run in self._labels:
                self._ended[event.run] = event.status == "failed"
                if known is not None:
                    self._seconds.setdefault(self._kind(event.run), []).append(now - known.begun)
            return known

    def running(self) -> str:
        """What is going on, each with its stage; empty if nothing is."""
        with self._lock:
            return "; ".join(
                f"{self._labels.get(key, key)}: {one}" for key, one in self._underway.items()
            )

    def __str__(self) -> str:
        with self._lock:
            num_failed, num_running = sum(self._ended.values()), len(self._counted())
            counts = {
                "done": len(self._ended) - num_failed,
                "failed": num_failed,
                "running": num_running,
                "waiting": len(self._labels) - len(self._ended) - num_running,
            }
            said = ", ".join(f"{number} {what}" for what, number in counts.items() if number > 0)
            ends = self._expected_ends()
            if ends:
                said += f", about {_time(max(ends.values()))} left"
            return said + self._next_board(ends)

    def _counted(self) -> dict[str, Underway]:
        return {key: one for key, one in self._underway.items() if key in self._labels}

    def _next_board(self, ends: Mapping[str, float]) -> str:
        """Which family's board comes next, and when: the last of its runs decides."""
        left = [key for key in self._labels if key not in self._ended and key in self._runs]
        whole: dict[str, float] = {}
        for key in left:
            family = self._runs[key].family
            if family in self._families:
                whole[family] = max(whole.get(family, 0.0), ends.get(key, 0.0))
        if not whole:
            return ""
        family = min(whole, key=lambda name: whole[name])
        return f"; next board: {family}" + (f" in about {_time(whole[family])}" if ends else "")

    def _expected_ends(self) -> dict[str, float]:
        """Seconds from now to the end of each run that is left; none while too little is known."""
        now = self._clock()
        expected = self._expected_seconds()
        left = [key for key in self._labels if key not in self._ended]
        if any(self._kind(key) not in expected for key in left):
            return {}
        ends = {}
        for key, one in self._counted().items():
            taken = now - one.begun
            ends[key] = max(expected[self._kind(key)] - taken, _MOST_OVERDUE * taken)
            if one.last.stage == _FITTING and one.seconds_left is not None:
                ends[key] = max(one.seconds_left - (now - one.last_heard), 0.0)
        free = [*ends.values(), *[0.0] * (self._most_at_a_time - len(ends))]
        heapq.heapify(free)
        for key in left:
            if key not in ends:
                ends[key] = heapq.heappop(free) + expected[self._kind(key)]
                heapq.heappush(free, ends[key])
        return ends

    def _expected_seconds(self) -> dict[tuple[bool, str], float]:
        """What a run of each kind takes, as far as anything tells it."""
        seen = dict(self._seconds)
        for key, one in self._counted().items():
            if (
                one.last.stage == _FITTING
                and one.seconds_left is not None
                and self._kind(key) not in self._seconds
            ):
                whole = one.last_heard - one.begun + one.seconds_left
                seen[self._kind(key)] = [*seen.get(self._kind(key), []), whole]
        found = {kind: fmean(seconds) for kind, seconds in seen.items()}
        for kind in {self._kind(key) for key in self._labels} - set(found):
            alike = [
                seconds for other, known in seen.items() if other[0] == kind[0] for seconds in known
            ]
            if alike:
                found[kind] = fmean(alike)
        return found

    def _kind(self, key: str) -> tuple[bool, str]:
        """Runs of one kind take about as long."""
        run = self._runs.get(key)
        return (False, "") if run is None else (run.is_arm, run.row_label)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
