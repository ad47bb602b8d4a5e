"""Slow twins of EDGE's kernels: dictionaries and loops, one line per formula."""

from collections import Counter

import numpy as np
from scipy.special import digamma


def nested_information(x_paths, y_paths, k, f=digamma):
    """Local log-ratios at the deepest joint cell with k samples; a path has one bit per step."""
    n, depth = len(x_paths), len(x_paths[0])
    total = 0.0
    for x, y in zip(x_paths, y_paths, strict=True):
        for level in range(depth, -1, -1):
            same_x = [other[:level] == x[:level] for other in x_paths]
            same_y = [other[:level] == y[:level] for other in y_paths]
            joint = sum(a and b for a, b in zip(same_x, same_y, strict=True))
            if joint >= k:
                total += f(joint) - f(sum(same_x)) - f(sum(same_y)) + f(n)
                break
    return total / n


def plug_in(x, y):
    """Equation 9 with g(t) = t ln t, in nats."""
    n = len(x)
    n_x, n_y, n_xy = Counter(x), Counter(y), Counter(zip(x, y, strict=True))
    return sum(c / n * np.log(c * n / (n_x[i] * n_y[j])) for (i, j), c in n_xy.items())


def chi_square_ratio(x, y):
    """The sum of N_ij^2 / (N_i M_j)."""
    n_x, n_y, n_xy = Counter(x), Counter(y), Counter(zip(x, y, strict=True))
    return sum(c * c / (n_x[i] * n_y[j]) for (i, j), c in n_xy.items())


def clipped_bits(x, y, lower, upper):
    """The released code's sum over edges, in bits."""
    n = len(x)
    n_x, n_y, n_xy = Counter(x), Counter(y), Counter(zip(x, y, strict=True))
    return sum(
        c / n * min(max(np.log2(c * n / (n_x[i] * n_y[j])), lower), upper)
        for (i, j), c in n_xy.items()
    )


def path(code, steps):
    """The bits of a code, coarsest first."""
    return tuple((int(code) >> (steps - 1 - step)) & 1 for step in range(steps))
