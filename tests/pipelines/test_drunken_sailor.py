"""The sailor's walks against the theory of the gambler's ruin; seeded, so the same each time."""

import subprocess
import sys
from itertools import pairwise
from math import sqrt
from pathlib import Path
from statistics import correlation, mean, stdev

import pytest

from pipelines import find, load, units
from tests.pipelines.demos import compute, lines

NIGHTS = ("still", "downhill", "windy")
WALKS = 2000
Z = 3.2905
"""Standard deviations of the 99.9 % interval."""


@pytest.fixture(scope="module")
def sailor():
    return load(find("DrunkenSailor"))


@pytest.fixture(scope="module")
def walks(sailor):
    """Two thousand walks of each night, in order."""
    walked = compute(sailor, list(units(sailor, repeat=WALKS)), "walk", "reckon")
    return {name: [unit for unit in walked if unit["night"] == name] for name in NIGHTS}


def theory(ship: int, edge: int, seaward: float) -> tuple[float, float]:
    """Follow the probability of every place; return the chance of the ship, and paces expected.

    It knows nothing of the formula that the pipeline uses.
    """
    places = {0: 1.0}
    aboard = paces = 0.0
    for _ in range(2000):
        paces += sum(places.values())
        after: dict[int, float] = {}
        for place, chance in places.items():
            for to, share in ((place + 1, seaward), (place - 1, 1 - seaward)):
                after[to] = after.get(to, 0.0) + chance * share
        aboard += after.pop(ship, 0.0)
        after.pop(-edge, None)
        places = after
    return aboard, paces


@pytest.mark.parametrize("night", NIGHTS)
def test_as_many_reach_the_ship_as_theory_says(walks, night):
    """Within the interval that 999 of 1000 such samples are in; the odds told are theory's."""
    some = walks[night]
    assert len(some) == WALKS
    chance, _ = theory(some[0]["ship"], some[0]["edge"], some[0]["seaward"])
    share = mean(unit["ending"] == "aboard" for unit in some)
    assert abs(share - chance) <= Z * sqrt(chance * (1 - chance) / WALKS)
    assert {unit["odds"] for unit in some} == {round(chance, 3)}


@pytest.mark.parametrize("night", NIGHTS)
def test_walks_are_as_long_as_theory_says_and_all_end(walks, night):
    """Nobody falls asleep: a thousand paces are more than anybody needs."""
    some = walks[night]
    _, expected = theory(some[0]["ship"], some[0]["edge"], some[0]["seaward"])
    paces = [unit["paces"] for unit in some]
    assert abs(mean(paces) - expected) <= Z * stdev(paces) / sqrt(WALKS)
    assert {unit["ending"] for unit in some} == {"aboard", "overboard"}


@pytest.mark.parametrize("night", NIGHTS)
def test_neighbours_have_nothing_in_common(walks, night):
    """Repetitions that follow one another neither end nor begin nor last alike."""
    some = walks[night]
    for kind in (
        [float(unit["ending"] == "aboard") for unit in some],
        [float(unit["path"][1]) for unit in some],
        [float(unit["paces"]) for unit in some],
    ):
        assert abs(correlation(kind[:-1], kind[1:])) <= Z / sqrt(WALKS)
    assert len({tuple(unit["path"][:30]) for unit in some if unit["paces"] >= 30}) > WALKS / 4


def test_a_walk_goes_one_pace_at_a_time_from_the_door_to_its_end(walks):
    """And what is said of it is so."""
    for unit in (unit for night in NIGHTS for unit in walks[night]):
        path = unit["path"]
        assert path[0] == 0
        assert all(abs(a - b) == 1 for a, b in pairwise(path))
        assert all(-unit["edge"] < place < unit["ship"] for place in path[:-1])
        assert path[-1] == (unit["ship"] if unit["ending"] == "aboard" else -unit["edge"])
        assert unit["paces"] == len(path) - 1
        assert unit["short_of_ship"] == min(unit["ship"] - place for place in path)
        assert unit["returns"] == sum(place == 0 for place in path[1:])


@pytest.mark.parametrize("at_once", [1000, 7])
def test_the_same_walks_in_another_process_and_in_other_chunks(at_once):
    """Byte by byte, whatever that process's hashes are."""
    words = ("-m", "tests.pipelines.demos", "DrunkenSailor", "walk", "40", str(at_once))
    checkout = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, *words], cwd=checkout, capture_output=True, check=True)
    assert told.stdout.count(b"\n") == 120
    assert told.stdout == lines("DrunkenSailor", "walk", repeat=40, at_once=50)
