"""What `import mitools` brings along, in fresh interpreters; and that it does without the rest."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mitools

HEAVY = ["torch", "torchvision", "faiss", "matplotlib", "pandas", "sklearn", "dask", "typer"]


def python(code):
    """Run code in a fresh interpreter and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import mitools",
        "import mitools, numpy as np; r = np.random.default_rng(0); x = r.normal(size=(50, 2));"
        "mitools.assess(x, x[::-1], estimator=mitools.KSG(), n_permutations=2, n_halves=2)",
        "from mitools.tasks import run_tasks; str(run_tasks('bend', 'ksg', n=50))",
    ],
    ids=["import", "assess", "tasks"],
)
def test_nothing_heavy_is_imported(code):
    loaded = python(f"{code}\nimport sys; print([m for m in {HEAVY} if m in sys.modules])")
    assert loaded == "[]"


def test_the_command_line_imports_nothing_heavy_until_it_is_used():
    heavy = [name for name in HEAVY if name != "typer"]
    loaded = python(f"import mitools.cli, sys; print([m for m in {heavy} if m in sys.modules])")
    assert loaded == "[]"


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked}:
            raise ImportError(f'{{name}} is blocked')
sys.meta_path.insert(0, Blocked())
import numpy as np, mitools
x, y = np.random.default_rng(0).normal(size=(2, 60, 3))
for estimator in (mitools.KSG(), mitools.EDGE(), mitools.Reduced(mitools.KSG(), mitools.PCA(2))):
    print(np.isfinite(mitools.mutual_information(x, y, estimator=estimator).value))
"""


def test_it_works_without_torch_faiss_and_everything_else_that_is_optional():
    assert python(BLOCKED.format(blocked=set(HEAVY))).split() == ["True"] * 3


def test_the_public_surface_is_what_it_says():
    for name in mitools.__all__:
        assert getattr(mitools, name) is not None
    assert mitools.__version__[0].isdigit()
    assert set(mitools.__all__) <= set(dir(mitools))
    with pytest.raises(AttributeError, match="no attribute 'KGS'"):
        _ = mitools.KGS
    with pytest.raises(AttributeError, match="attribute KGS"):
        _ = mitools.estimators.KGS


def test_the_estimators_names_stand_in_one_list():
    """The stub that type checkers read is what is imported, from where each name is defined."""
    stub = Path(mitools.estimators.__file__).with_suffix(".pyi")
    listed = {
        alias.asname: (node.module, alias.name)
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(listed) == sorted(mitools.estimators.__all__)
    for name, (module, original) in listed.items():
        assert original == name
        found = getattr(mitools, name)
        assert found is getattr(mitools.estimators, name)
        assert (found.__module__, found.__name__) == (f"mitools.estimators.{module}", name)
    sources = [mitools.__file__, mitools.estimators.__file__, mitools.estimators.registry.__file__]
    own = {"GaussianCopula", "NoisyBounds", "ConditionalKSG"}  # whose texts are not their names
    for source in sources:
        names = {
            node.id if isinstance(node, ast.Name) else node.value
            for node in ast.walk(ast.parse(Path(source).read_text()))
            if isinstance(node, ast.Name | ast.Constant)
        }
        assert names & set(listed) - own <= {"Training"}


def test_star_imports_hold_every_name():
    names = python(
        "from mitools import *; import mitools; print(set(mitools.__all__) - set(dir()))"
    )
    assert names == "set()"


def test_the_further_estimators_are_imported_when_asked_for():
    code = "import mitools, sys; before = 'scipy.spatial' in sys.modules; mitools.Mixed();"
    assert (
        python(code + "print(before, 'mitools.estimators.mixed' in sys.modules)") == "False True"
    )


def test_every_public_name_is_on_a_page():
    pages = (Path(__file__).parents[2] / "docs").glob("*.md")
    text = "\n".join(page.read_text() for page in pages)
    assert [name for name in mitools.__all__ if name not in text] == ["__version__"]
