"""How a command ends that is asked to, and what it says then."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer


class Stopped(KeyboardInterrupt):
    """A signal that asks this process to end; what Ctrl-C does, whoever sends it."""

    def __init__(self, number: int) -> None:
        self.number = number


_STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@contextmanager
def goes_on(kept: str) -> Iterator[None]:
    """End in an orderly way on Ctrl-C, SIGTERM and SIGHUP, and tell how to go on."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        # What is ignored, as by nohup, stays ignored.
        known = (signal.SIG_DFL, signal.default_int_handler)
        before = {n: signal.getsignal(n) for n in _STOPPING if signal.getsignal(n) in known}
    for number in before:
        signal.signal(number, _stop)
    try:
        yield
    except KeyboardInterrupt as error:
        command = shlex.join(["hyperbench", *sys.argv[1:]])
        with suppress(OSError):  # the terminal may be what went away
            typer.echo(
                f"Interrupted. {kept} are kept; the same command goes on:\n  {command}", err=True
            )
        number = error.number if isinstance(error, Stopped) else signal.SIGINT
        raise typer.Exit(128 + number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: object) -> None:
    for each in _STOPPING:
        # It ends already, and a second signal would end that half way.
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)
