"""What `import robustsplit` gives: every name it promises, and no torch until one is used."""

import ast
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import robustsplit

ROOT = Path(__file__).parents[2]
#: Paths that modules had before they moved, with names that were public there.
FACES = {
    "conclusions": ["can", "cannot", "question", "TOY"],
    "config": ["Config", "ConfigError", "TrainConfig", "differences", "load", "parse"],
    "experiment": ["Experiment", "load_data"],
    "findings": ["Findings", "accuracy_table", "chosen_pairs", "pair_table", "summary_table"],
    "outputs": ["displays_of_frame", "write_figures", "write_outputs"],
    "plot": ["RhoDepthDisplay", "draw_accuracies", "draw_depth", "render"],
    "progress": ["Progress"],
    "records": ["read_rho_csv", "result_from_dict", "result_to_dict", "rho_frame", "write_csv"],
    "report": ["Picture", "render_report", "text_table"],
    "rundir": ["RunDirectory"],
    "threads": ["fixed_threads"],
}


def test_every_promised_name_is_there_and_listed_in_the_stub_alone():
    stub = ast.parse((ROOT / "robustsplit" / "__init__.pyi").read_text())
    listed = [
        alias.name
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted([*listed, "__version__"]) == sorted(robustsplit.__all__) == dir(robustsplit)
    assert len(set(listed)) == len(listed) > 20
    for name in robustsplit.__all__:
        assert getattr(robustsplit, name) is not None


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(AttributeError, match="Did you mean 'connectivity'"):
        robustsplit.conectivity  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize("module", sorted(FACES))
def test_paths_of_before_still_lead_to_their_names(module):
    found = import_module(f"robustsplit.{module}")
    for name in FACES[module]:
        assert hasattr(found, name), name


def test_faces_hold_nothing_of_their_own():
    from robustsplit.report import figures
    from robustsplit.study import config

    assert import_module("robustsplit.config").load is config.load
    assert import_module("robustsplit.plot").render is figures.render
    for module in set(FACES) - {"report"}:
        text = (ROOT / "robustsplit" / f"{module}.py").read_text()
        assert len(text.splitlines()) <= 8 and "def " not in text


def test_importing_it_and_reading_results_imports_no_torch():
    code = (
        "import sys, robustsplit; robustsplit.RhoResult; robustsplit.Recipe; "
        "from robustsplit.report.findings import Findings; "
        "from robustsplit.study.config import load; "
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
