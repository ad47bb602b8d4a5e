"""A run has a fixed number of threads, and gives the old number back."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from robustsplit.study.config import load
from robustsplit.study.experiment import Experiment

ROOT = Path(__file__).parents[3]


def test_threads_are_fixed_for_the_run_and_restored(study, tmp_path):
    config = replace(load(study), threads=0)
    experiment = Experiment.create(config, tmp_path / "run")
    assert experiment.directory.config.threads == os.cpu_count()
    assert load(tmp_path / "run" / "config.toml").threads == os.cpu_count()


def test_measuring_does_not_change_the_number_of_threads():
    """Numba's pool sets OpenMP's number of threads for torch too, unless it was there before."""
    script = (
        "import numpy as np, torch\n"
        "from mitools import KSG\n"
        "from robustsplit.study.threads import fixed_threads\n"
        "x = np.random.default_rng(0).normal(size=(500, 4))\n"
        "torch.set_num_threads(3)\n"
        "with fixed_threads(1):\n"
        "    KSG().estimate(x, x + 1e-3)\n"
        "    print(torch.get_num_threads())\n"
        "print(torch.get_num_threads())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == ["1", "3"]
