"""An executor: threads that begin with the last item."""

from concurrent.futures import ThreadPoolExecutor

from hyperbench.executors import ExecutorConfig, Outcome


class BackwardsConfig(ExecutorConfig):
    """Settings of the threads."""

    num_threads: int = 1
    """Threads."""


class Backwards:
    """Begins with the last."""

    Config = BackwardsConfig

    def __init__(self, num_jobs=0, config=None):
        self._num_threads = (config or BackwardsConfig()).num_threads

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def num_threads(self, num_items):
        """One."""
        return 1

    def map(self, function, items, site, notify):
        """Map as ``Executor.map``."""
        with ThreadPoolExecutor(self._num_threads) as pool:
            for item in reversed(items):
                yield Outcome(item, pool.submit(function, item, site, notify).result())
