"""What this package registers; every command imports this module, so it imports nothing heavy."""

from hyperbench.hookspecs import ListenerEntry, hookimpl


@hookimpl
def hyperbench_events() -> list[ListenerEntry]:
    """Register the listeners; each needs the extra of its name."""
    return [
        ListenerEntry(
            name="tensorboard",
            target="hyperbench_trackers.tensorboard:TensorBoard",
            summary="curves, settings and scores for TensorBoard, as files beside the runs",
            requires=("tensorboard",),
        ),
        ListenerEntry(
            name="mlflow",
            target="hyperbench_trackers.mlflow:MLflow",
            summary="runs of MLflow, in a database beside the runs or at MLFLOW_TRACKING_URI",
            requires=("mlflow", "sqlalchemy", "alembic"),
        ),
        ListenerEntry(
            name="wandb",
            target="hyperbench_trackers.wandb:WeightsAndBiases",
            summary="runs of Weights & Biases, offline unless WANDB_MODE says otherwise",
            requires=("wandb",),
        ),
    ]
