"""The shape of the house, read from the imports: what may know about what."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("mitools/**/*.py"), *ROOT.glob("robustsplit/**/*.py")])

#: Layers of robustsplit, lowest first: a module imports from its own layer or from lower ones.
ORDER = (
    {"network"},
    {"attacks"},
    {"data", "zoo", "results"},
    {"training"},
    {"analysis", "theory"},
    {"config", "io", "plot", "records", "loading", "progress", "threads"},
    {"rundir", "findings", "conclusions", "report", "outputs"},
    {"experiment", "profiling", "options"},
    {"cli"},
)


def imported(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def level(module):
    part = module.split(".")[1] if "." in module else ""
    return next((rank for rank, names in enumerate(ORDER) if part in names), None)


def test_sources_are_found():
    assert len(SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    here = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for module in imported(path):
        if here.startswith("mitools"):
            assert not module.startswith("robustsplit"), "mitools knows nothing of robustsplit"
        if here.startswith("mitools._kernels"):
            assert module.split(".")[0] in {
                "numpy",
                "numba",
                "mitools",
                "__future__",
                "math",
                "typing",
            }
            assert not module.startswith("mitools") or module.startswith("mitools._kernels")
        if here.startswith("robustsplit.") and module.startswith("robustsplit."):
            mine, theirs = level(here), level(module)
            if mine is not None and theirs is not None:
                assert theirs <= mine, f"{here} imports {module}, which stands above it"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_outgrows_one_noun(path):
    assert len(path.read_text().splitlines()) <= 450
    assert path.name != "utils.py"


def test_results_need_no_torch():
    heavy = {"torch", "torchvision", "matplotlib"}
    names = {name.split(".")[0] for name in imported(ROOT / "robustsplit" / "results.py")}
    assert not names & heavy


def test_only_the_command_line_knows_the_benchmark_tasks():
    for path in SOURCES:
        here = path.relative_to(ROOT)
        if here.parts[:2] != ("mitools", "tasks") and here != Path("mitools/cli.py"):
            assert not any(name.startswith("mitools.tasks") for name in imported(path)), here
