"""standard-v1 with 16 and 24 source tasks where a family has 30, and so judges fewer.

A plugin of the study of where methods begin to fail.
"""

from hyperbench import hookimpl
from hyperbench.protocol import STANDARD

NUM_TARGET = {16: 11, 24: 3}
"""What 3 validation tasks leave; 4 and 8 source tasks leave the 12 of ``features_and_sources``."""


def protocol_of(num_source: int) -> str:
    """The id of the protocol that learns from so many of 30 tasks."""
    return f"sources-{num_source}{'-of-30' if num_source in NUM_TARGET else ''}-v1"


@hookimpl
def hyperbench_protocols():
    """Register them; the targets of the one with more source tasks are among the other's."""
    return [
        STANDARD.model_copy(
            update={
                "id": protocol_of(number),
                "summary": f"{number} source tasks of 30; {targets} targets",
                "num_source": number,
                "num_target": targets,
                "split_label": "sources-v1",
            }
        )
        for number, targets in NUM_TARGET.items()
    ]
