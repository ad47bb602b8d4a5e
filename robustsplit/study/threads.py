"""How many CPU threads a run uses: fixed, so that a resumed run ends in the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

__all__ = ["fixed_threads"]


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Use so many threads in torch and in BLAS inside the block; restore torch's number after.

    Numba starts its pool at the first parallel kernel and then sets OpenMP's number of threads to
    all cores, which torch shares. The pool is therefore started first.
    """
    before = torch.get_num_threads()
    numba.get_num_threads()  # starts the pool
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
