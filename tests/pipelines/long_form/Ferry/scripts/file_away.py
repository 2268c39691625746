"""Put each telling in a file of its own, in the folder that the step names."""

import argparse
import json
from pathlib import Path

import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--run-dir", type=Path)
parser.add_argument("--step-name")
parser.add_argument("--config", type=Path)
options = parser.parse_args()
steps = yaml.safe_load(options.config.read_text())["pipeline"]["steps"]
step = next(step for step in steps if step["name"] == options.step_name)
folder = options.run_dir / step["output_dir"]
folder.mkdir(parents=True, exist_ok=True)
with (options.run_dir / "outputs" / "results.jsonl").open() as results:
    for unit in map(json.loads, results):
        (folder / f"{unit['unit_id']}.txt").write_text(unit["telling"])
