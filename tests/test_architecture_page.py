"""docs/architecture.md against the folders, and its walk through the code against a real call."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()

QUICK = {"n_permutations": 2, "n_halves": 2, "cross_check": None, "point": "pre"}

#: Packages whose rooms the page lists, one line a room.
LISTED = ("mitools", "robustsplit")


def rooms_on_the_page(package):
    (block,) = re.findall(rf"^```text\n{package}/\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = [re.fullmatch(r"  (\S+)  +(\S.*)", line) for line in block.splitlines()]
    assert all(lines), "a line is `  room  what it holds`"
    return [line[1] for line in lines]


def rooms_of(package):
    """Folders and modules of a package; neither `__init__` nor files that only hand on names."""
    for path in (ROOT / package).iterdir():
        if path.is_dir() and (path / "__init__.py").is_file():
            yield f"{path.name}/"
        elif path.suffix == ".py" and path.stem != "__init__" and not is_face(path):
            yield path.name


def is_face(path):
    return re.search(r"^from \S+ import \*$", path.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("package", LISTED)
def test_every_room_has_its_line_and_every_line_its_room(package):
    listed = rooms_on_the_page(package)
    assert len(set(listed)) == len(listed)
    assert sorted(listed) == sorted(rooms_of(package))


@pytest.mark.parametrize("package", LISTED)
def test_the_rooms_stand_in_the_order_of_their_layers(package):
    from tests.test_architecture import ORDER

    layers = [
        next(rank for rank, names in enumerate(ORDER[package]) if Path(room).stem in names)
        for room in rooms_on_the_page(package)
    ]
    assert layers == sorted(layers, reverse=True)


def test_the_modules_of_the_report_are_named():
    for path in (ROOT / "robustsplit" / "report").glob("[a-z]*.py"):
        assert path.stem in PAGE, path


def files_walked(package, call):
    """Files of a package in the order of the first call of a function in them."""
    folder = str(ROOT / package)
    walked: dict[str, None] = {}  # in the order of insertion

    def note(frame, event, _):
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(folder):
            walked.setdefault(Path(file).relative_to(folder).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return list(walked)


def files_on_the_page(heading):
    section = PAGE.split(heading)[1].split("\n## ")[0]
    return re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)


def test_the_way_of_the_model_is_the_one_that_is_walked():
    from robustsplit import connectivity
    from robustsplit.attacks import FGSM
    from robustsplit.data import ImageData
    from robustsplit.zoo import small_cnn

    inputs = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    data = ImageData(inputs, torch.arange(60) % 2)
    model, attack = small_cnn(classes=2, width=8), FGSM(0.1)

    def call():
        connectivity(model, data, ["fc1", "fc2"], attack=attack, **QUICK)

    assert files_on_the_page("## The way of `model`") == files_walked("robustsplit", call)


def test_the_way_of_x_is_the_one_that_is_walked():
    from mitools import KSG, assess

    x, y = np.random.default_rng(0).normal(size=(2, 300))
    estimator = KSG()

    def call():
        assess(
            x,
            x + y,
            estimator=estimator,
            n_permutations=3,
            n_halves=2,
            cross_check=None,
            sweep=False,
        )

    call()  # kernels are compiled, and their files no longer entered
    walked = [file for file in files_walked("mitools", call) if not file.startswith("_kernels")]
    assert files_on_the_page("## The way of `x`") == walked
