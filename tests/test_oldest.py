"""The pins of the oldest versions are read from pyproject.toml, and nothing is left out."""

import tomllib

import pytest

from tests.oldest import PROJECT, oldest


@pytest.mark.parametrize(
    ("requirement", "pin"),
    [
        ("numpy>=1.26", "numpy==1.26"),
        ("scikit-learn >= 1.6.1, <2", "scikit-learn==1.6.1"),
        ("pyautoattack<0.3,>=0.2", "pyautoattack==0.2"),
        ("dask[array,distributed]>=2024.1", "dask==2024.1"),
        ("faiss-gpu-cu12>=1.8; sys_platform >= 'linux'", "faiss-gpu-cu12==1.8"),
        ("lazy_loader>=0.4", "lazy_loader==0.4"),
    ],
)
def test_the_oldest_version_is_pinned(requirement, pin):
    assert oldest([requirement]) == [pin]


@pytest.mark.parametrize("requirement", ["numpy", "numpy<2", "numpy==1.26", "numpy>1.26"])
def test_a_requirement_without_an_oldest_version_is_refused(requirement):
    with pytest.raises(ValueError, match="names no oldest version: write 'name>=version'"):
        oldest([requirement])


def test_every_dependency_has_an_oldest_version():
    claimed = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    assert len(oldest(claimed)) == len(claimed) > 0
