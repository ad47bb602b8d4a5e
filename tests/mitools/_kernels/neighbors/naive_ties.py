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
    """Return the neighbours in the own class and the counts in all, each with shape (n,)."""
    numbers, counts = np.ones((2, len(rows)), dtype=int)
    for i in range(len(rows)):
        own = codes == codes[i]
        distance = distances(rows, i, squared)
        asked = min(k, own.sum() - 1)
        if asked == 0:
            numbers[i], counts[i] = 1, (distance == 0).sum()
            continue
        own[i] = False
        radius = np.sort(distance[own])[asked - 1]
        closed = int((distance[own] <= radius).sum()) + 1
        tied = radius == 0 or closed > asked + 1
        numbers[i] = closed if tied else asked
        counts[i] = ((distance <= radius) if tied else (distance < radius)).sum()
    return numbers, counts
