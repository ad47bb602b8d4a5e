"""Entropies and information by quadrature."""

from mitools.tasks.bmi40 import student_entropy
from mitools.tasks.truths import entropy_on_grid, normal_density, normal_entropy


def test_entropies():
    value = entropy_on_grid(lambda y: normal_density(y, 0.0, 0.7), -6, 6)
    assert abs(value - normal_entropy(0.7)) < 1e-9
    assert abs(student_entropy(3, 1e7) - 3 * normal_entropy(1.0)) < 1e-5  # many degrees: normal
