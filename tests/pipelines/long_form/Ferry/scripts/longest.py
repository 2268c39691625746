"""Print the longest text that a field has among the results of a run."""

import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("run_dir", type=Path)
parser.add_argument("--field")
options = parser.parse_args()
with (options.run_dir / "outputs" / "results.jsonl").open() as results:
    print(max((json.loads(line)[options.field] for line in results), key=len))  # noqa: T201
