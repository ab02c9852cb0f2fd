"""A plugin whose runs are short, count themselves, and go wrong as they are told."""

import json
import os
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from hyperbench import hookimpl
from hyperbench.generator import FitReport, FitState, MethodConfig, PolicyGenerator, no_checkpoint
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.search import Range
from hyperbench.testing import LineFamily

LOG = "SIZED_LOG"
"""Environment variable: the file to which each fit adds a line when it begins and when it ends."""


class Family(LineFamily):
    def __init__(self):
        super().__init__()
        self.info = type(self.info)(**{**vars(self.info), "id": "sized/line-v1"})


class Method(PolicyGenerator):
    class Config(MethodConfig):
        """Settings."""

        SEARCH: ClassVar = {"seconds": Range(0.1, 0.5)}

        seconds: float = 0.1
        """How long a fit takes."""

    resumable = True

    def fit(
        self, demonstrations, *, validation, seed, device="cpu", progress, checkpoint=no_checkpoint
    ):
        tell(self, "begun", seed)
        self.go_wrong()
        kept = checkpoint.restore()
        value, first = (seed, 1) if kept is None else (kept.json["value"], kept.json["step"] + 1)
        if kept:
            tell(self, "resumed", seed)
        for step in range(first, 11):
            time.sleep(self.config.seconds / 10)
            value = (value * 48271 + step) % 2147483647
            progress(step, 10, 1 / step)
            checkpoint.offer(lambda: FitState({}, {"value": value, "step": step}))  # noqa: B023
        tell(self, "ended", seed)
        return FitReport(10, 10, float(value), 1)

    def go_wrong(self):
        pass

    def generate(self, specs, support=None):
        return LineFamily().expert(specs)

    def save(self, path):
        pass

    def load(self, path):
        pass


def tell(method, what, seed):
    if os.environ.get(LOG):
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES")
        said = {
            "method": type(method).__name__,
            "what": what,
            "seed": seed,
            "gpu": gpu,
            "pid": os.getpid(),
        }
        with Path(os.environ[LOG]).open("a") as file:
            file.write(json.dumps(said) + "\n")


class Left(Method):
    def go_wrong(self):
        os._exit(3)


class Endless(Method):
    def go_wrong(self):
        while True:
            time.sleep(60)


class Hungry(Method):
    def go_wrong(self):
        kept = []
        while True:
            kept.append(np.empty(10_000_000))


class Big(Method):
    def save(self, path):
        (path / "big").write_bytes(bytes(1_000_000))


METHODS = {"quick": Method, "left": Left, "endless": Endless, "hungry": Hungry, "big": Big}


@hookimpl
def hyperbench_methods():
    return [MethodEntry(name, f"sized:{cls.__name__}", name) for name, cls in METHODS.items()]


@hookimpl
def hyperbench_families():
    return [FamilyEntry("sized/line-v1", "sized:Family", "a line")]


@hookimpl
def hyperbench_suites():
    return [SuiteEntry("sized", ["sized/line-v1"], "a line")]
