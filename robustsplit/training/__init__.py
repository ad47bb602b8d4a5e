"""How networks are trained and scored: one plain loop for regular and adversarial training."""

from robustsplit.training.evaluation import accuracy, check_logits, derive_seed, perturbed
from robustsplit.training.loop import (
    DivergedError,
    EpochLog,
    Recipe,
    build_optimizer,
    fit,
    train_epoch,
)
from robustsplit.training.preprocessing import preprocessing_doubt
from robustsplit.training.store import MemoryStore, StoreLike

__all__ = [
    "DivergedError",
    "EpochLog",
    "MemoryStore",
    "Recipe",
    "StoreLike",
    "accuracy",
    "build_optimizer",
    "check_logits",
    "derive_seed",
    "fit",
    "perturbed",
    "preprocessing_doubt",
    "train_epoch",
]
