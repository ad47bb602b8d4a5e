"""Image files as tensors in [0, 1]; what cannot be read is named, with what to do."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["read_pictures"]

#: An error names so many files; reading stops there.
MAX_LISTED = 5
#: The EXIF tag that says how a camera was held; 1 is upright.
ORIENTATION = 0x0112


class _UnreadableError(ValueError):
    """One file that cannot be read; the message says why."""


def read_pictures(
    files: Sequence[Path], *, size: int | None = None, grayscale: bool = False
) -> list[Tensor]:
    """Read image files as they are stored.

    Args:
        files: Their paths.
        size: Resize the shorter side to this many pixels and crop the centre square.
        grayscale: One channel instead of red, green and blue.

    Returns:
        A tensor for each, with shape (channels, height, width), in [0, 1].

    Raises:
        ValueError: For files that are damaged, no images, or too large; all of the first few are
            named. A warning says how many images an EXIF tag would turn: it is not followed, as
            torchvision's `ImageFolder` does not.
    """
    from PIL import Image

    images: list[Tensor] = []
    bad: list[str] = []
    turned: list[Path] = []
    with warnings.catch_warnings():
        # Pillow's warning of large images names no file; they are read, and larger ones refused.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for path in files:
            try:
                image, upright = _read(path, size, grayscale)
            except _UnreadableError as error:
                bad.append(f"{path} {error}")
                if len(bad) == MAX_LISTED:
                    break
                continue
            images.append(image)
            if not upright:
                turned.append(path)
    if bad:
        more = " (and perhaps others)" if len(bad) == MAX_LISTED else ""
        raise ValueError(f"{'; '.join(bad)}{more}. Replace or remove what is no image.")
    if turned:
        warnings.warn(
            f"{len(turned)} of {len(files)} images carry an EXIF orientation, such as "
            f"{turned[0]}. They are read as stored, not turned, as torchvision's ImageFolder "
            "reads them. If the network was trained on turned images, turn the files first.",
            stacklevel=4,
        )
    return images


def _read(path: Path, size: int | None, grayscale: bool) -> tuple[Tensor, bool]:
    """Return the pixels, and whether the image is stored upright."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            if opened.mode in ("I", "F"):
                raise _UnreadableError(
                    "has 32-bit pixels, whose range is not known: save it with 8 or 16 bits"
                )
            upright = opened.getexif().get(ORIENTATION, 1) in (0, 1)
            shallow: Image.Image = opened
            if opened.mode.startswith("I;16"):  # `convert` would cut off at 255, not scale
                deep = np.asarray(opened).astype(np.float64)
                shallow = Image.fromarray(np.round(deep / 257).astype(np.uint8))
            image = shallow.convert("L" if grayscale else "RGB")
    except _UnreadableError:
        raise
    except UnidentifiedImageError as error:
        empty = path.stat().st_size == 0
        raise _UnreadableError(
            "is empty" if empty else "is no image, whatever its name"
        ) from error
    except Image.DecompressionBombError as error:
        raise _UnreadableError(
            f"is larger than Pillow opens, as a guard against decompression bombs ({error}): if "
            "it is what it should be, make it smaller first"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # readers of a damaged file raise whatever they trip over
        raise _UnreadableError(f"is damaged or cut off ({error})") from error
    if size is not None:
        scale = size / min(image.size)
        wide, high = (max(size, round(side * scale)) for side in image.size)
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
        left, top = (wide - size) // 2, (high - size) // 2
        image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image, dtype=np.float32) / 255.0
    return torch.from_numpy(
        pixels[None] if grayscale else pixels.transpose(2, 0, 1).copy()
    ), upright
