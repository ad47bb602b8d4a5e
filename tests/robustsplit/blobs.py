"""Two clouds of points and a network of three layers: what Algorithm 1 is tested on."""

import torch
from torch import nn

from mitools import KSG, PCA, Reduced
from robustsplit.attacks import PGD
from robustsplit.data import ImageData
from robustsplit.training import Recipe

ATTACK = PGD(eps=0.1, step_size=0.05, steps=3)
QUICK = {"released": False, "n_permutations": 20, "n_halves": 2, "cross_check": None}
ESTIMATOR = Reduced(KSG(k=3), PCA(2))
RECIPE = Recipe(batch_size=32, lr=0.05, schedule="constant")


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(6, 12),
            nn.BatchNorm1d(12),
            nn.ReLU(),
            nn.Linear(12, 8),
            nn.Dropout(0.1),
            nn.ReLU(),
            nn.Linear(8, 2),
        )


def part(n: int, seed: int) -> ImageData:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    centres = torch.tensor([[0.35] * 6, [0.65] * 6])
    inputs = centres[labels] + 0.12 * torch.randn(n, 6, generator=generator)
    return ImageData(inputs.clamp(0, 1), labels, ("low", "high"), "blobs")
