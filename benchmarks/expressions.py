"""Expression steps: units per second of CPU, the sandbox's worker included.

Two workloads: a hand of blackjack dealt from six decks and judged (25 expressions), and a random
walk until it ends (25 rounds on average). Each is also evaluated by bare Python, without any
safety: the same code through `exec` and one `json.dumps` and `orjson.loads` per unit.
"""

import argparse
import asyncio
import os
import resource
import time
from statistics import median
from typing import Any, NamedTuple

import orjson
import psutil

from pipelines.computing import Computation, Computed
from pipelines.sandbox import Sandbox
from pipelines.seeds import stream_seed

CARD = "11 if rank == 'A' else 10 if rank in ('J', 'Q', 'K') else int(rank)"
BLACKJACK = {
    "ranks": "['2', '3', '4', '5', '6', '7', '8', '9', '10', 'J', 'Q', 'K', 'A']",
    "_shoe": "[rank + suit for rank in ranks for suit in 'shdc'] * decks",
    "_drawn": "random.sample(_shoe, 12)",
    "player": "_drawn[0:2]",
    "dealer": "_drawn[2:4]",
    "_rest": "_drawn[4:]",
    "up": "dealer[0]",
    "player_ranks": "[card[:-1] for card in player]",
    "player_values": f"[{CARD} for rank in player_ranks]",
    "player_aces": "sum(1 for rank in player_ranks if rank == 'A')",
    "player_total": "sum(player_values) - (10 if player_aces == 2 else 0)",
    "soft": "player_aces > 0 and player_total <= 21",
    "pair": "player_ranks[0] == player_ranks[1]",
    "natural": "player_total == 21",
    "dealer_ranks": "[card[:-1] for card in dealer]",
    "dealer_values": f"[{CARD} for rank in dealer_ranks]",
    "dealer_aces": "dealer_ranks.count('A')",
    "dealer_total": "sum(dealer_values) - (10 if dealer_aces == 2 else 0)",
    "up_value": "dealer_values[0]",
    "hand": "f\"{', '.join(player)} ({'soft ' if soft else ''}{player_total})\"",
    "table": "f'{name}: {hand} against {up}'",
    "hits": "player_total < 17 if up_value >= 7 else player_total < 12",
    "edge": "round(player_total / 21 - up_value / 22, 3)",
    "next_cards": "[card for card in _rest if not hits or card[:-1] != 'A'][:3]",
    "label": "'natural' if natural else 'pair' if pair else 'soft' if soft else 'hard'",
}
CHUNK = 200
WALK_INIT = {"position": "start", "path": "[start]"}
WALK = {
    "_step": "random.choice([-1, 1])",
    "position": "position + _step",
    "path": "path + [position]",
}


class Cost(NamedTuple):
    """What the units of one round took."""

    wall: float
    own_cpu: float
    worker_cpu: float


def own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def worker() -> psutil.Process:
    return next(child for child in psutil.Process().children() if child.name() == "monty")


def worker_cpu() -> float:
    used = worker().cpu_times()
    return used.user + used.system


async def measure(computation: Computation, units: list[Any], sandbox: Sandbox) -> Cost:
    wall, own, theirs = time.perf_counter(), own_cpu(), worker_cpu()
    for first in range(0, len(units), CHUNK):
        answers = await computation.run(units[first : first + CHUNK], sandbox)
        assert all(isinstance(answer, Computed) for answer in answers)
    return Cost(time.perf_counter() - wall, own_cpu() - own, worker_cpu() - theirs)


def in_python(computation: Computation, units: list[Any]) -> float:
    """Return the CPU seconds that bare Python takes for the same code."""
    names: dict[str, Any] = {}
    exec(computation.program.source, names)
    compute = names[computation.program.entry]
    before = own_cpu()
    for unit in units:
        orjson.loads(compute(unit))
    return own_cpu() - before


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    workloads = {
        "blackjack": Computation.compile(BLACKJACK),
        "walk": Computation.compile(
            WALK, init=WALK_INIT, loop_until="position <= 0 or position >= 10"
        ),
    }
    print("| workload | units per CPU second | wall | ours, µs | worker, µs | bare Python |")
    print("|---|---|---|---|---|---|")
    for name, computation in workloads.items():
        units = [
            (
                {"unit_id": f"u{n}", "name": "Maren", "decks": 6, "start": 5},
                stream_seed(f"u{n}", name, None),
            )
            for n in range(options.units)
        ]
        async with Sandbox() as sandbox:
            await computation.run(units[:200], sandbox)
            costs = [await measure(computation, units, sandbox) for _ in range(options.rounds)]
            memory = worker().memory_info().rss
        own, theirs, wall = (
            median(cost.own_cpu for cost in costs) / options.units,
            median(cost.worker_cpu for cost in costs) / options.units,
            median(cost.wall for cost in costs) / options.units,
        )
        python = in_python(computation, units) / options.units
        print(
            f"| {name} | {1 / (own + theirs):,.0f} | {1 / wall:,.0f} | {own * 1e6:.0f} "
            f"| {theirs * 1e6:.0f} | {1 / python:,.0f} |  worker {memory / 2**20:.0f} MB"
        )
    # Two pools in one process make pydantic-monty 1.4 abort now and then while Python shuts down.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
