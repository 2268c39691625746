"""What looking at many runs takes: a root of 200, and one open run of a million units."""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.many_runs import STEPS, close_next, make_run
from runs import RunPaths
from tui.filters import Order, select
from tui.reader import Reader
from tui.units import UnitIndex

CHANGES = 20


def main() -> None:
    """Make the runs, look at them, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--chunk-size", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(options.runs - 1):
            make_run(root / f"small_{number:03d}", 3, 5, closed=3, ended=True)
        closed = options.chunks // 2
        big = make_run(root / "big", options.chunks, options.chunk_size, closed=closed, ended=False)
        print(f"made {options.runs} runs, peak {_peak_mb()} MB")
        _reader(root, big, options.chunks, options.chunk_size)
        _units(big, options.chunks)


def _reader(root: Path, big: Path, chunks: int, chunk_size: int) -> None:
    reader = Reader(root, lambda _, __: None)
    _say("first look at all runs", _timed(reader.look))
    _say("a look when nothing changed", *(_timed(reader.look) for _ in range(CHANGES)))
    reader.open(big)
    _say("first look with the big run open", _timed(reader.look))
    while (seen := reader.look()).run is None or sum(r.units for r in seen.run.reasons) < 3 * (
        chunks // 2
    ):
        pass
    _say("a look when nothing changed, open", *(_timed(reader.look) for _ in range(CHANGES)))
    took: list[float] = []
    seq = seen.run.state.seq
    for number in range(CHANGES):
        close_next(RunPaths(big), f"chunk_{chunks // 2 + number:03d}", seq + number + 1, chunk_size)
        took.append(_timed(reader.look))
    _say("a look after one change, open", *took)
    print(f"peak {_peak_mb()} MB")


def _units(big: Path, chunks: int) -> None:
    state = _state(big)
    index = UnitIndex(RunPaths(big), state)
    _say(f"index of {chunks} chunks", _timed(lambda: index.look(state)))
    _say("index when nothing changed", _timed(lambda: index.look(state)))
    print(f"{len(index)} units, peak {_peak_mb()} MB")
    for text in (f"state:failed step:{STEPS[1]} harbour", "0001", "!state:passed chunk:chunk_1"):
        _say(f"filter {text!r}", *(_timed(lambda text=text: select(index, text)) for _ in range(5)))
    _say("sorted by state", _timed(lambda: select(index, "", Order.STATE)))


def _state(big: Path):  # noqa: ANN202 - it is what the reader has
    reader = Reader(big.parent, lambda _, __: None)
    reader.open(big)
    run = reader.look().run
    assert run is not None
    return run.state


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _say(what: str, *seconds: float) -> None:
    print(f"{what:40} {statistics.median(seconds) * 1000:10.1f} ms, most {max(seconds) * 1000:.1f}")


def _peak_mb() -> int:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size // (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    main()
