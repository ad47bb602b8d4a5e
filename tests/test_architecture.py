"""The shape of the house, read from the imports: what may know about what."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("mitools/**/*.py"), *ROOT.glob("robustsplit/**/*.py")])

#: Modules that moved, under their old names: each hands on the names of the new one.
FACES = {
    "mitools": {
        *("base", "blocks", "cca", "counts", "directions", "hashing", "labelled_counts"),
        *("messages", "neighbors", "reduction", "registry", "tables", "verdict"),
    },
    "robustsplit": {
        *("conclusions", "config", "experiment", "findings", "outputs", "plot", "progress"),
        *("records", "rundir", "threads"),
    },
}

#: Layers, lowest first: a module imports from its own layer or from lower ones.
ORDER = {
    "mitools": (
        {"_kernels"},
        {"samples"},
        {"evidence"},
        {"engines"},
        {"estimators"},
        {"distributions", "information", "streaming"},
        {"assessment", "comparison", "lags", "matrix"},
        {"integrations", "tasks"},
        {"cli"},
    ),
    "robustsplit": (
        {"readings", "settings", "units"},
        {"drawing"},
        {"measurement", "precision", "recipe", "results"},
        {"network"},
        {"attacks"},
        {"data", "normalization", "zoo"},
        {"training"},
        {"analysis"},
        {"errors", "io", "loading", "options"},
        {"report"},
        {"study"},
        {"profiling"},
        {"commands"},
        {"cli"},
    ),
}

#: Inside rooms that hold several, lowest first.
INNER = {
    "mitools.engines": ({"workers"}, {"linear", "neighbors"}, {"cells"}),
    "mitools.evidence": (
        {"estimate", "groups", "null", "pairings", "spread"},
        {"doubts", "record"},
        {"verdict"},
    ),
}

#: The most that `ls mitools` may show beside the faces: what a user looks for.
ENTRIES = 16

#: Packages whose tests stand in the same tree, a file for each module.
MIRRORED = ("mitools", "robustsplit")


def imported(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph(sources):
    """Return which modules each module imports, at its top, in its functions and for types."""
    names = {name_of(path): path for path in sources}
    arrows = {}
    for name, path in names.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                inner = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                found |= {full if full in names else node.module for full in inner.values()}
        arrows[name] = {other for other in found if other in names and other != name}
    return arrows


def circles(arrows):
    """Return the sets of modules that reach each other, by Tarjan's algorithm."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(arrows[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            circle = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(circle) > 1:
                found.append(circle)

    for node in sorted(arrows):
        if node not in order:
            visit(node)
    return found


def level(module, room, order):
    """Return the layer of a module among those inside a room; None for what has none."""
    part = module.removeprefix(f"{room}.").split(".")[0]
    return next((rank for rank, names in enumerate(order) if part in names), None)


def is_face(path):
    return path.parent.parent == ROOT and path.stem in FACES[path.parent.name]


def test_sources_are_found():
    assert len(SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    here = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for module in imported(path):
        if here.startswith("mitools"):
            assert not module.startswith("robustsplit"), "mitools knows nothing of robustsplit"
        if here.startswith("mitools._kernels") and path.stem != "cache":
            assert module.split(".")[0] in {
                "numpy",
                "numba",
                "mitools",
                "__future__",
                "math",
                "typing",
            }
            assert not module.startswith("mitools") or module.startswith("mitools._kernels")
        for room, order in {**ORDER, **INNER}.items():
            if here.startswith(f"{room}.") and module.startswith(f"{room}."):
                mine, theirs = level(here, room, order), level(module, room, order)
                if mine is not None and theirs is not None:
                    assert theirs <= mine, f"{here} imports {module}, which stands above it"


def test_no_module_imports_one_that_imports_it():
    """By any way, and wherever the import stands: inside a function it only hides the circle."""
    assert circles(graph(SOURCES)) == []


def test_circles_are_found():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"a"}}
    assert circles(arrows) == [{"a", "b", "c"}]
    assert circles({**arrows, "c": {"d"}}) == []
    assert circles({**arrows, "e": {"d"}}) == [{"d", "e"}, {"a", "b", "c"}]


@pytest.mark.parametrize("package", ORDER)
def test_every_part_has_its_layer(package):
    names = [name_of(path) for path in (ROOT / package).rglob("*.py")]
    parts = {name.split(".")[1] for name in names if "." in name}
    assert parts - FACES[package] == set().union(*ORDER[package])


def test_a_listing_of_mitools_shows_what_a_user_looks_for():
    entries = [
        path.name
        for path in (ROOT / "mitools").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    assert len([name for name in entries if Path(name).stem not in FACES["mitools"]]) <= ENTRIES


@pytest.mark.parametrize("package", FACES)
def test_a_face_only_hands_on_names(package):
    for face in FACES[package]:
        tree = ast.parse((ROOT / package / f"{face}.py").read_text())
        defined = ast.FunctionDef | ast.ClassDef
        assert not any(isinstance(node, defined) for node in tree.body), face


def test_nothing_imports_a_face():
    """Old paths are for users; inside, a module has one name."""
    for name, others in graph(SOURCES).items():
        for package, faces in FACES.items():
            assert not others & {f"{package}.{face}" for face in faces}, name


def test_findings_know_nothing_of_figures():
    arrows = graph(SOURCES)
    reached, todo = set(), {"robustsplit.report.findings", "robustsplit.report.tables"}
    while todo:
        reached |= todo
        todo = set().union(*(arrows[name] for name in todo)) - reached
    assert "robustsplit.report.figures" not in reached
    assert not any(name.startswith("robustsplit.network") for name in reached)


@pytest.mark.parametrize("package", MIRRORED)
def test_every_module_has_a_test_file_of_its_name(package):
    modules = [
        path.relative_to(ROOT)
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
        and (path.stem not in FACES[package] or path.parent.name != package)
    ]
    assert len(modules) > 20
    expected = [Path("tests") / path.parent / f"test_{path.name}" for path in modules]
    assert [str(path) for path in expected if not (ROOT / path).is_file()] == []


def test_no_test_edits_the_path_it_imports_from():
    for package in MIRRORED:
        for path in (ROOT / "tests" / package).rglob("*.py"):
            assert "sys.path." not in path.read_text(), path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_outgrows_one_noun(path):
    assert len(path.read_text().splitlines()) <= 450
    assert path.name != "utils.py"


@pytest.mark.parametrize("name", ["results/*", "measurement", "recipe", "report/findings"])
def test_records_and_settings_need_no_torch(name):
    heavy = {"torch", "torchvision", "matplotlib"}
    paths = list((ROOT / "robustsplit").glob(f"{name}.py"))
    assert paths
    for path in paths:
        assert not {name.split(".")[0] for name in imported(path)} & heavy, path


def test_only_the_command_line_knows_the_benchmark_tasks():
    for path in SOURCES:
        here = path.relative_to(ROOT)
        if here.parts[:2] != ("mitools", "tasks") and here != Path("mitools/cli.py"):
            assert not any(name.startswith("mitools.tasks") for name in imported(path)), here
