"""A study of seconds: three digits, three small layers, one epoch here and there."""

import numpy as np

FACTORY = '''
from torch import nn


def tiny(width=6, classes=3):
    """Three weight layers."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, classes),
    )


class Sub:
    pass


number = 3


def wrong():
    return 3
'''

STUDY = """
name = "tiny"
threads = 1
[data]
source = "npz"
path = "{folder}/images.npz"
[model]
factory = "{folder}/nets.py:tiny"
[train]
epochs = 3
lr = 0.1
[robust]
epochs = 3
lr = 0.1
[attack]
name = "pgd"
eps = 0.1
step_size = 0.05
steps = 2
[split]
last = [1, 2]
[algorithm1]
trials = 2
epochs = 2
lr = 0.1
tolerance = 0.0
[mi]
n_permutations = 5
networks = ["regular"]
[output]
formats = ["svg"]
"""


def images():
    from sklearn.datasets import load_digits

    bunch = load_digits(n_class=3)
    return (bunch.images / 16.0).astype(np.float32)[:, None], bunch.target


def write_study(folder, **changes):
    """Write images.npz, nets.py and study.toml into `folder`, and return the path of the last."""
    x, y = images()
    np.savez(folder / "images.npz", x=x[:300], y=y[:300])
    (folder / "nets.py").write_text(FACTORY)
    text = STUDY.format(folder=folder.as_posix())
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"
