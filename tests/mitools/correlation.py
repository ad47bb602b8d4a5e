"""An estimator of correlation, quick and exact for Gaussian data, to assess with given faults."""

from dataclasses import dataclass

import numpy as np

from mitools import (
    assess,
)
from mitools.distributions import Gaussian
from mitools.estimators.base import MutualInformationEstimator


@dataclass(frozen=True)
class Correlation(MutualInformationEstimator):
    """-ln(1 - r^2) / 2 of the first columns, plus a floor; exact for Gaussian data, and quick."""

    floor: float = 0.0
    drift: float = 0.0
    factor: float = 1.0
    top: float = np.inf

    def _estimate(self, x, y):
        r = np.corrcoef(x[:, 0], y[:, 0])[0, 1]
        value = self.factor * -0.5 * np.log1p(-(r**2)) + self.floor + self.drift * np.log(len(x))
        return min(value, self.top), {"singleton_fraction": 0.1, "cells_x": 7, "cells_y": 8}

    def ceiling(self, n_samples):
        return self.top if np.isfinite(self.top) else float(np.log(n_samples))

    def minimum_samples(self):
        return 5


@dataclass(frozen=True)
class Alone(Correlation):
    """Counts every sample alone, as a hash of wide data does."""

    def _estimate(self, x, y):
        value, stats = super()._estimate(x, y)
        return value, stats | {"singleton_fraction": 0.98}


STRONG = Gaussian((0.9,)).sample(800, seed=0)


NONE = Gaussian.independent(1).sample(800, seed=0)


TOY = Correlation()


def toy(x, y, estimator=TOY, cross_check=TOY, **settings):
    return assess(x, y, estimator=estimator, cross_check=cross_check, **settings)
