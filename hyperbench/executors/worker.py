"""The worker's side: a process that carries out one item after another, and tells how far it is."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Literal

import cloudpickle

from hyperbench.errors import HyperbenchError, one_line, traceback_of
from hyperbench.events import LenientStream
from hyperbench.registry import use_plugins

Said = Literal["ready", "begun", "event", "result", "error"]
"""What a worker tells: that it may be given an item, has unpacked it, and what came of it."""


def serve(connection: Connection) -> None:
    """Carry out what comes over a connection, until whoever started this process ends it.

    Args:
        connection: bytes of ``(function, item, site)``, by ``cloudpickle``, come in; pairs of
            ``Said`` and what belongs to it go out.
    """
    _stand_alone()
    telling = threading.Lock()  # a method may report progress from several threads

    def tell(said: Said, content: object = None) -> None:
        with telling:
            connection.send((said, content))

    # Nobody is there any more who would listen.
    with suppress(EOFError, ConnectionError):
        tell("ready")
        while True:
            packed = connection.recv_bytes()
            answer: tuple[Said, Any]
            try:
                function, item, site = cloudpickle.loads(packed)
                use_plugins(site.plugins, site.given)
                tell("begun")
                answer = ("result", function(item, site, partial(tell, "event")))
            except (KeyboardInterrupt, GeneratorExit):
                raise  # nobody pressed Ctrl-C here: the process ends, as its method asks for
            except BaseException as error:  # a stranger's code may raise anything
                answer = ("error", _that_travels(error))
            tell(*answer)


def _stand_alone() -> None:
    """Make the process one that ends with its parent, and that nothing else disturbs."""
    # A group of its own, so that what a method starts can be ended with it.
    if hasattr(os, "setsid"):
        os.setsid()
    # Ctrl-C is for the parent, which answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Whoever pipes wants the board, not what methods and libraries print.
    with suppress(OSError):
        os.dup2(2, 1)  # for extension modules, which do not go by sys.stdout
    kept = sys.stderr
    sys.stdout = sys.stderr = LenientStream(lambda: kept)


def _end_with_parent() -> None:
    """Wait for the parent to end, however it does, and end this process and all that it started."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _that_travels(error: BaseException) -> Exception:
    """The error as another process can raise it, with where it comes from as a note."""
    where = traceback_of(error)
    travels: object
    try:
        travels = pickle.loads(pickle.dumps(error))  # noqa: S301 -- of this process
    except Exception:  # whatever a stranger's error raises when it is copied
        travels = None
    if not isinstance(travels, Exception):
        kind = HyperbenchError if isinstance(error, HyperbenchError) else RuntimeError
        travels = kind(str(error) if kind is HyperbenchError else one_line(error))
    travels.add_note(where)
    return travels
