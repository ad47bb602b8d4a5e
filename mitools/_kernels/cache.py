"""Where compiled kernels are kept: where numba can, or else in a folder of this process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from typing import Any

import numba

__all__ = ["settle"]


def settle() -> None:
    """Let kernels be compiled where neither this package's folder nor the user's can be written.

    Numba refuses to define a kernel whose code it cannot keep. A private folder is then made for
    this process; ``NUMBA_CACHE_DIR`` names one that lasts.

    Raises:
        RuntimeError: When no temporary folder can be written either.
    """
    try:
        numba.njit(cache=True)(_nothing)
    except RuntimeError as error:
        try:
            folder = tempfile.mkdtemp(prefix="mitools-kernels-")
        except OSError as problem:
            raise RuntimeError(
                "Compiled kernels can be kept nowhere: neither in the package's folder nor in the "
                f"home nor in a temporary one ({problem}). Name a folder that can be written in "
                "the environment variable NUMBA_CACHE_DIR."
            ) from error
        config: Any = numba.config
        config.CACHE_DIR = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _nothing() -> None:
    """Stand for a kernel."""
