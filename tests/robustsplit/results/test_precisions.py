import json
import math
from dataclasses import asdict

from robustsplit.results import PrecisionRecord


def test_a_record_comes_back_from_json():
    record = PrecisionRecord(
        0.3, 2.0, (1.9, 2.1), float("nan"), 1.8, 3.9, "not a function of the layer before"
    )
    table = json.loads(json.dumps(asdict(record)).replace("NaN", "null"))
    back = PrecisionRecord.from_dict(table)
    assert back.interval == (1.9, 2.1) and back.reading == record.reading
    assert math.isnan(back.lower) and math.isnan(back.linear)
