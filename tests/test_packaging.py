"""What is built is what is shipped: both packages and their markers are in the wheel."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_both_packages_and_nothing_else(wheel):
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"mitools", "robustsplit"}
    for package in tops:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names


def test_wheel_holds_every_source_and_data_file(wheel):
    shipped = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "mitools", "robustsplit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert len(tracked) > 20
    assert set(tracked) <= shipped
    for name in ("report/templates/report.html.jinja", "demo.toml", "__init__.pyi"):
        assert f"robustsplit/{name}" in shipped


def test_extras_are_declared(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = wheel.read(name).decode()
    for extra in ("torch", "faiss", "faiss-gpu", "dask", "autoattack", "bench", "dev"):
        assert f"Provides-Extra: {extra}" in metadata


def test_versions_agree():
    import mitools
    import robustsplit

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert mitools.__version__ == robustsplit.__version__ == version
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()
