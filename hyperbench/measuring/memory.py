"""Memory: how much a run's process held at most."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from hyperbench.provenance import torch_with_gpu

_PROCESS = Path("/proc/self")
_FORGET_PEAK = "5"
"""What Linux takes for an order to count the largest resident set anew."""


class PeakMemory:
    """The most that this process, and torch on the GPU, hold from now on.

    Args:
        device: of the run.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        # On another system, or where a container forbids it, the peak is the whole process's.
        with suppress(OSError):
            (_PROCESS / "clear_refs").write_text(_FORGET_PEAK, encoding="ascii")
        if torch := self._gpu():
            torch.cuda.reset_peak_memory_stats()

    def of_process(self) -> int | None:
        """Bytes; None where the system does not say."""
        try:
            status = (_PROCESS / "status").read_text(encoding="utf-8")
        except OSError:
            return None
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return None if found is None else int(found[1]) * 1024

    def of_gpu(self) -> int | None:
        """Bytes; None where none is used."""
        torch = self._gpu()
        return None if torch is None else int(torch.cuda.max_memory_allocated())

    def _gpu(self) -> Any:
        """Torch, if it is there and the run is on its GPU."""
        return None if self._device == "cpu" else torch_with_gpu()
