"""kill -9 at random moments: a run that goes on ends with the same bytes, and pays little twice."""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import runs
from tests.crash.conftest import IN_FLIGHT, LATENCY_SECONDS, Emulator, Warm


@dataclass(frozen=True)
class Undisturbed:
    """What a run is like that nobody kills."""

    derived: dict[str, bytes]
    attempts: int
    repeated: int
    """Requests that come twice by themselves: from a unit that answers the same nonsense twice."""
    seconds: float


def derived(run_dir: Path) -> dict[str, bytes]:
    """Return the derived files of a run: functions of input, answers and pipeline."""
    kinds = ("validated", "failures", "returned")
    patterns = (*(f"chunk_*/*_{kind}.jsonl" for kind in kinds), "outputs/*.jsonl")
    found = [path for pattern in patterns for path in run_dir.glob(pattern)]
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in sorted(found)}


@pytest.fixture(scope="session")
def undisturbed(warm, made, emulator, crash_root):
    """The demo, run once to its end."""
    run_dir = crash_root / "undisturbed"
    shutil.copytree(made, run_dir)
    warm.work(run_dir, kill_after=None)  # the first fork still imports a little
    shutil.rmtree(run_dir)
    shutil.copytree(made, run_dir)
    emulator.forget(LATENCY_SECONDS)
    ended = warm.work(run_dir, kill_after=None)
    assert ended["code"] == 0, (run_dir / "RUN_LOG.txt").read_text()
    numbers = runs.totals(runs.read(run_dir).state)
    assert (numbers.units, numbers.valid, numbers.failed) == (60, 57, 3)
    charged = emulator.ledger()
    assert charged.calls == numbers.attempts
    return Undisturbed(derived(run_dir), numbers.attempts, charged.repeated, ended["seconds"])


def spoil(run_dir: Path, chance: random.Random) -> None:
    """Do to the manifest and the journal's tail what a crash, or a person, may do."""
    manifest = run_dir / "MANIFEST.json"
    match chance.randrange(4):
        case 0:
            manifest.unlink(missing_ok=True)
        case 1 if manifest.exists():
            content = manifest.read_bytes()
            manifest.write_bytes(content[: chance.randrange(len(content))])
        case 2:
            with (run_dir / "MANIFEST.journal").open("ab") as journal:
                journal.write(b'0badc0de {"seq":99,"ev')
        case _:
            pass


def trial(seed: int, warm: Warm, made: Path, emulator: Emulator, undisturbed: Undisturbed) -> None:
    """Kill a run up to three times at random moments, spoil it, let it end, compare."""
    chance = random.Random(seed)
    run_dir = made.parent / f"trial-{seed}"
    shutil.copytree(made, run_dir)
    emulator.forget(LATENCY_SECONDS)
    kills = 0
    for _ in range(chance.randint(1, 3)):
        moment = chance.uniform(0, undisturbed.seconds)
        kills += warm.work(run_dir, kill_after=moment)["code"] != 0
        spoil(run_dir, chance)
    ended = warm.work(run_dir)
    log = (run_dir / "RUN_LOG.txt").read_text()
    assert ended["code"] == 0, log
    assert derived(run_dir) == undisturbed.derived, log
    numbers = runs.totals(runs.read(run_dir).state)
    assert numbers.attempts == undisturbed.attempts
    charged = emulator.ledger()
    lost = charged.calls - undisturbed.attempts
    assert lost <= kills * IN_FLIGHT, f"{lost} calls repeated after {kills} kills"
    shutil.rmtree(run_dir)


@pytest.mark.parametrize("seed", range(20))
def test_a_killed_run_ends_as_if_undisturbed(seed, warm, made, emulator, undisturbed):
    """Derived files are equal to the byte; at most the calls in flight are paid for again."""
    trial(seed, warm, made, emulator, undisturbed)


def test_killed_while_units_are_on_their_way_back(warm, made, emulator, undisturbed, crash_root):
    """In a second round, too: whoever was sent back is asked no more than once for it."""
    run_dir = crash_root / "second-round"
    for nth in range(1, 40):
        shutil.rmtree(run_dir, ignore_errors=True)
        shutil.copytree(made, run_dir)
        emulator.forget(LATENCY_SECONDS)
        warm.work(run_dir, kill_at=("settle.before_close", nth))
        chunks = runs.read(run_dir).state.chunks.values()
        if any(chunk.detours and chunk.due for chunk in chunks):
            break
    else:
        pytest.fail("no kill came while a chunk was in its second round")
    assert warm.work(run_dir)["code"] == 0
    assert derived(run_dir) == undisturbed.derived
    assert emulator.ledger().calls - undisturbed.attempts <= IN_FLIGHT


@pytest.mark.soak
def test_five_hundred_killed_runs_end_as_if_undisturbed(warm, made, emulator, undisturbed):
    """The same, until luck has nothing to do with it."""
    for seed in range(1000, 1500):
        trial(seed, warm, made, emulator, undisturbed)
