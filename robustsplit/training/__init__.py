"""How networks are trained: one plain loop for regular and adversarial training."""

from robustsplit.training.loop import (
    DivergedError,
    EpochLog,
    Recipe,
    accuracy,
    build_optimizer,
    derive_seed,
    fit,
    perturbed,
    train_epoch,
)
from robustsplit.training.store import MemoryStore, StoreLike

__all__ = [
    "DivergedError",
    "EpochLog",
    "MemoryStore",
    "Recipe",
    "StoreLike",
    "accuracy",
    "build_optimizer",
    "derive_seed",
    "fit",
    "perturbed",
    "train_epoch",
]
