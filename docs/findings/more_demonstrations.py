"""standard-v1 with ten times the demonstrations: a plugin of the study of HyPoGen's claim."""

from hyperbench import hookimpl
from hyperbench.protocol import STANDARD

MANY = STANDARD.model_copy(
    update={
        "id": "demonstrations-100-v1",
        "summary": "standard-v1's splits with 100 demonstrations of each task",
        "num_demonstrations": 100,
        "split_label": STANDARD.id,
    }
)


@hookimpl
def hyperbench_protocols():
    """Register it."""
    return [MANY]
