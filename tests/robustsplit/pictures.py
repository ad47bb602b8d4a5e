"""Image files and class folders for tests."""

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def picture(path, size=(6, 5), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def classes(folder, names=("cat", "dog"), n=3, inner=""):
    for name in names:
        for index in range(n):
            picture(folder / name / inner / f"{index}.png")
    return folder
