"""The rule of neighbours that tie, row by row from all distances: nothing shared with mitools."""

import numpy as np


def distances(rows, i, squared):
    gaps = abs(rows - rows[i])
    if not squared:
        return gaps.max(axis=1)
    total = np.zeros(len(rows))
    for column in gaps.T:  # summed in column order
        total = total + column * column
    return total


def naive_neighbours(rows, k, squared=False):
    """Return radius, number of neighbours and whether they tie, each with shape (n,)."""
    found = []
    for i in range(len(rows)):
        distance = distances(rows, i, squared)
        radius = np.sort(np.delete(distance, i))[k - 1]
        closed = int((distance <= radius).sum())
        tied = radius == 0 or closed > k + 1
        found.append((radius, closed if tied else k, tied))
    return tuple(np.array(each) for each in zip(*found, strict=True))


def naive_within(rows, radius, tied, squared=False):
    """Return how many rows are below each radius, or up to it where neighbours tie."""
    counts = []
    for i in range(len(rows)):
        distance = distances(rows, i, squared)
        inside = distance <= radius[i] if tied[i] else distance < radius[i]
        counts.append(int(inside.sum()))
    return np.array(counts)


def naive_class_neighbours(rows, codes, k, squared=False):
    """Return which neighbour in the own class it is, shape (n,), and what lies around, (n, 4)."""
    which, counts = np.zeros(len(rows), dtype=int), np.zeros((len(rows), 4), dtype=int)
    for i in range(len(rows)):
        others = np.arange(len(rows)) != i
        own = others & (codes == codes[i])
        distance = distances(rows, i, squared)
        which[i] = min(k, own.sum())
        if which[i] == 0:
            continue
        radius = np.sort(distance[own])[which[i] - 1]
        for place, among in enumerate((own, others)):
            counts[i, 2 * place] = (distance[among] < radius).sum()
            counts[i, 2 * place + 1] = (distance[among] <= radius).sum()
    return which, counts
