"""What `import robustsplit` gives: every name it promises, and no torch until one is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import robustsplit

ROOT = Path(__file__).parents[2]


def test_every_promised_name_has_one_home():
    at_home = [name for names in robustsplit._HOMES.values() for name in names]
    assert sorted([*at_home, "__version__"]) == sorted(robustsplit.__all__)
    for name in robustsplit.__all__:
        assert getattr(robustsplit, name) is not None


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'connectivity'"):
        robustsplit.conectivity  # noqa: B018 - the access is what is tested


def test_importing_it_and_reading_results_imports_no_torch():
    code = (
        "import sys, robustsplit; robustsplit.RhoResult; "
        "print([name for name in ('torch', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
