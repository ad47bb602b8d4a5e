"""Every example in a docstring runs, and gives what it shows."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): text
    for package in ("mitools", "robustsplit")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>>" in (text := path.read_text())
}

#: What the examples of a module, or of all modules of a package, need beyond the dependencies.
#: Where it is not installed, they are skipped and say so; any other import that fails is an error.
EXTRAS = {
    "mitools.estimators.neural": "torch",
    "mitools.integrations.dask": "dask",
    "mitools.integrations.torch": "torch",
    "robustsplit": "torch",
}


def examples(module: ModuleType) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


def failures(module: ModuleType) -> tuple[int, str]:
    """Return how many lines of a module's examples ran, and a report of those that failed."""
    runner = doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    for test in examples(module):
        runner.run(test, out=report.append)
    return runner.tries, "".join(report)


@pytest.mark.parametrize("name", SOURCES)
def test_examples_give_what_they_show(name):
    for start, extra in EXTRAS.items():
        if name == start or name.startswith(f"{start}."):
            pytest.importorskip(extra)
    ran, report = failures(import_module(name))
    assert not report, report
    assert ran, "`>>>` stands outside of docstrings"


def test_no_example_is_taken_out_of_the_run():
    assert not [name for name, text in SOURCES.items() if "doctest: +SKIP" in text]


def test_a_wrong_example_is_reported():
    module = ModuleType("wrong", ">>> 1 + 1\n3\n>>> 2 + 2\n4\n")
    ran, report = failures(module)
    assert ran == 2 and "Expected:\n    3\nGot:\n    2" in report
