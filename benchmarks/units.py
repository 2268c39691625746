"""A million units from JSON lines and from a cross product into chunk files: pace and peak memory.

Each is made by a process of its own, so that its peak is its own: the pipeline loaded, its files
frozen, ids held against one another, chunks written and synced, journal and manifest written.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

CONFIG = """\
name: Bench
items_source: %s
units: %s
chunk_size: %d
api: {provider: openai, model: gpt-6-luna}
pipeline:
  - {name: label, template: label.jinja2}
"""
CROSS = "{strategy: cross_product, positions: {npc: people, mood: moods, topic: topics}}"
SIDE = 100
"""Items of each list: a million combinations of three."""


class Source(NamedTuple):
    """Where units come from."""

    items: str
    units: str
    write: Callable[[Path, int], None]


class Figures(NamedTuple):
    """What making a run took."""

    units: int
    seconds: float
    cpu_seconds: float
    loaded_mb: float
    """Peak before the first unit: Python and what is imported."""
    peak_mb: float


def write_lines(path: Path, units: int) -> None:
    with path.open("w") as file:
        for n in range(units):
            row = {"id": f"ticket-{n}", "text": f"Ticket {n}: the lamp on deck {n % 7} is out."}
            file.write(json.dumps(row) + "\n")


def write_lists(path: Path, units: int) -> None:
    side = round(units ** (1 / 3))
    lists = {
        key: [{"id": f"{key}_{n}", "about": f"the {n}. of the {key}"} for n in range(side)]
        for key in ("people", "moods", "topics")
    }
    path.write_text(json.dumps(lists))


SOURCES = {
    "jsonl": Source("items.jsonl", "{strategy: direct}", write_lines),
    "cross_product": Source("items.json", CROSS, write_lists),
}


def make_folder(root: Path, source: Source, units: int, chunk_size: int) -> Path:
    folder = root / "Bench"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "label.jinja2").write_text("{{ unit_id }}")
    config = CONFIG % (source.items, source.units, chunk_size)
    (folder / "config.yaml").write_text(config)
    source.write(folder / source.items, units)
    return folder


def peak_mb() -> float:
    """Return the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def make(folder: Path, run_dir: Path) -> Figures:
    """Make a run in this process."""
    import pipelines
    from runs import read
    from tasks.create import create_run

    loaded = peak_mb()
    start, cpu = time.perf_counter(), time.process_time()
    pipeline = pipelines.load(folder)
    create_run(pipeline, pipelines.Launch(pipeline=pipeline.name, emulate=True), run_dir)
    seconds, cpu_seconds, peak = time.perf_counter() - start, time.process_time() - cpu, peak_mb()
    return Figures(read(run_dir).state.units, seconds, cpu_seconds, loaded, peak)


def measure(source: Source, units: int, chunk_size: int) -> Figures:
    """Make a run in a child."""
    with tempfile.TemporaryDirectory() as root:
        folder = make_folder(Path(root), source, units, chunk_size)
        command = [sys.executable, __file__, "--make", str(folder), str(Path(root) / "run")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures: Mapping[str, Any] = json.loads(done.stdout)
        return Figures(**figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=SIDE**3)
    parser.add_argument("--chunk-size", type=int, default=100)
    parser.add_argument("--make", nargs=2, type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.make:
        print(json.dumps(make(*told.make)._asdict()))
        return
    print(f"{'':14}{'units/s':>10}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}{'of them loaded':>16}")
    for name, source in SOURCES.items():
        made = measure(source, told.units, told.chunk_size)
        print(
            f"{name:14}{made.units / made.seconds:>10,.0f}{made.seconds:>8.2f}"
            f"{made.cpu_seconds:>8.2f}{made.peak_mb:>9.1f}{made.loaded_mb:>16.1f}"
        )


if __name__ == "__main__":
    main()
