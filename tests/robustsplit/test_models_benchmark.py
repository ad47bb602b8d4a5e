"""The script behind docs/models.md: what it finds of a small model, and what the page says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_stored_results_hold():
    """All that is found of a model must be right; its costs are what they are."""
    rows = json.loads((ROOT / "benchmarks" / "results" / "models.json").read_text())["rows"]
    assert len(rows) >= 15
    for row in rows:
        assert row.get("error") is None, row
        assert row["wrong"] == 0, row["model"]
        assert row["frozen"] is True, row["model"]
        assert row["pre"] is not False and row["post"] is not False, row["model"]


@pytest.mark.slow
def test_the_script_measures_a_model_and_keeps_the_rows_of_others(tmp_path):
    out = tmp_path / "models.json"
    out.write_text(json.dumps({"rows": [{"model": "another"}, {"model": "shufflenet_v2_x0_5"}]}))
    command = ["benchmarks/models.py", "--quick", "--models", "shufflenet_v2_x0_5", "--out", out]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    record = json.loads(out.read_text())
    assert "torch" in record["environment"]["packages"]
    kept, row = record["rows"]
    assert kept == {"model": "another"}
    assert (row["layers"], row["connected"], row["named"]) == (57, 54, 0)
    assert row["pre"] is row["post"] is row["frozen"] is True
    assert (row["cuts"], row["clean"], row["wrong"]) == (3, 1, 0)
    assert set(row["ratios"]) == {"list", "collect", "own"}
    assert all(value > 0 for value in row["ratios"].values())
