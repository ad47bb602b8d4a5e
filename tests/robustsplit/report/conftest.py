"""Findings made by hand."""

import pytest

from robustsplit.report.findings import Findings
from tests.robustsplit.fakes import profile, result, score


@pytest.fixture
def findings():
    return Findings(
        name="demo <study>",
        results=(result(warnings=("The cut lies inside a block.",)), result("last 4", 4)),
        profiles={"regular": profile(), "untrained": profile(shift=-0.2)},
        scores={
            "regular": {"clean": score(490, attack="clean"), "attacked": score(5)},
            "robust": {"clean": score(470, attack="clean"), "attacked": score(410)},
        },
        config='name = "demo"\n[attack]\neps = 0.1',
        environment={"python": "3.11", "threads": 2},
        attack="PGD (Linf, eps 0.1, 7 steps)",
        data="digits, 500 test images",
        toy=True,
        warnings=("The cut lies inside a block.",),
        command="robustsplit run config.toml",
    )
