"""A small study, and an undisturbed run of it: both are read, or copied, or put back."""

import pytest

from robustsplit.study.config import load
from robustsplit.study.experiment import Experiment
from tests.robustsplit.tiny import write_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def finished(study):
    """An undisturbed run and its findings."""
    experiment = Experiment.create(load(study), study.parent / "finished")
    return experiment.directory.path, experiment.run()
