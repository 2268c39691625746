"""What is made of results when a run is complete: tables, compressed files, scripts' output."""

import csv
import gzip
from pathlib import Path

import pytest

from pipelines import Launch, PostProcess
from tasks.post_process import post_process

RESULTS = [
    {"unit_id": "a", "npc": {"name": "Maren"}, "tone": "wry"},
    {"unit_id": "b", "npc": {"name": "Maren"}, "tone": "warm"},
    {"unit_id": "c", "npc": {"name": "Osk"}, "tone": "warm"},
]
TONES = "{name: Tones, group_by: npc, count: tone, output: tones.csv}"


@pytest.fixture
def process(complete_run, make_pipeline):
    """Post-process a complete run by the entries given; what was told."""

    async def process(*entries: str, files=None, allow_scripts=False):
        listed = "".join(f"  - {entry}\n" for entry in entries)
        pipeline = make_pipeline(f"post_process:\n{listed}", files)
        return await post_process(complete_run, pipeline, Launch(allow_scripts=allow_scripts))

    return process


@pytest.fixture
def complete_run(make_run):
    """A run with three results."""
    return make_run(RESULTS)


async def test_a_table_of_the_results(complete_run, process):
    """DESIGN's example: a row per character, a column per tone."""
    assert await process(TONES) == [("Tones", "wrote outputs/tones.csv", False)]
    with (complete_run.paths.outputs / "tones.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["npc", "n", "warm", "wry"], ["Maren", "2", "1", "1"], ["Osk", "1", "1", "0"]]
    assert "post_process_done name=Tones" in complete_run.paths.run_log.read_text()


async def test_twice_is_as_once(complete_run, process):
    """What is written depends on the results alone."""
    entries = (TONES, "{name: Small, type: gzip, files: ['*.csv', '*.jsonl']}")
    await process(*entries)
    once = _files(complete_run.paths.outputs)
    await process(*entries)
    assert _files(complete_run.paths.outputs) == once


async def test_what_is_compressed_comes_out_the_same(complete_run, process):
    """The results stay, for the run is read from them; other files only if that is asked for."""
    outputs = complete_run.paths.outputs
    (outputs / "units").mkdir()
    for name in ("a.txt", "b.txt"):
        (outputs / "units" / name).write_text("x" * 10_000)
    told = await process("{name: Small, type: gzip, files: [outputs/units/*, results.jsonl]}")
    assert told == [("Small", "compressed 3 files", False)]
    assert gzip.decompress((outputs / "units/a.txt.gz").read_bytes()) == b"x" * 10_000
    assert not (outputs / "units/a.txt").exists()
    packed = gzip.decompress((outputs / "results.jsonl.gz").read_bytes())
    assert packed == complete_run.paths.results.read_bytes()


async def test_originals_are_kept_if_asked_for(complete_run, process):
    """`keep_originals` as in the original."""
    (complete_run.paths.outputs / "a.txt").write_text("a")
    await process("{name: Small, type: gzip, files: ['*.txt'], keep_originals: true}")
    assert {"a.txt", "a.txt.gz"} <= {path.name for path in complete_run.paths.outputs.iterdir()}


async def test_files_of_chunks_stay_as_they_are(complete_run, process):
    """Compressed, they would be gone for resuming, retrying and verifying."""
    chunk = complete_run.paths.chunk("chunk_000").input
    [(_, told, failed)] = await process("{name: Small, type: gzip, files: ['chunk_*/*.jsonl']}")
    assert (told, failed) == ("nothing in outputs/ matches chunk_*/*.jsonl", False)
    assert chunk.exists()


async def test_links_are_not_followed(complete_run, process, tmp_path):
    """Nor is a link in outputs/ a way out."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.txt").write_text("mine")
    (complete_run.paths.outputs / "link").symlink_to(tmp_path / "elsewhere")
    (complete_run.paths.outputs / "mine.txt").symlink_to(tmp_path / "elsewhere" / "mine.txt")
    await process("{name: Small, type: gzip, files: ['link/*', '*.txt', '**/*.txt']}")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["mine.txt"]


async def test_a_failing_entry_fails_neither_the_others_nor_the_run(complete_run, process):
    """It is told, for the console and in RUN_LOG."""
    wrong = "{name: Moods, group_by: mood, output: moods.csv}"
    told = await process(wrong, TONES)
    assert told[0] == ("Moods", "no result has a field 'mood'", True)
    assert not told[1].failed
    assert "post_process_failed name=Moods" in complete_run.paths.run_log.read_text()
    assert not (complete_run.paths.outputs / "moods.csv").exists()


async def test_what_cannot_be_written_is_told(complete_run, process):
    """A full disk, or a folder in the way."""
    (complete_run.paths.outputs / "tones.csv").mkdir()
    [told] = await process(TONES)
    assert told.failed
    assert "'tones.csv'" in told.message


@pytest.mark.parametrize(
    "entry",
    [
        {"group_by": "npc", "output": "../tones.csv"},
        {"group_by": "npc", "output": "/tmp/tones.csv"},
        {"group_by": "npc", "output": "link/tones.csv"},
        {"group_by": "npc", "output": "results.jsonl"},
        {"group_by": "npc", "output": "failures.jsonl"},
        {"group_by": "npc"},
        {"type": "gzip", "files": ("../*",)},
        {"type": "gzip", "files": ("/etc/*",)},
    ],
)
async def test_nothing_is_written_outside_of_outputs(complete_run, make_pipeline, tmp_path, entry):
    """Nor over the run's own files, whatever loading has let pass."""
    (complete_run.paths.outputs / "link").symlink_to(tmp_path)
    before = complete_run.paths.results.read_bytes()
    odd = PostProcess.model_validate({"name": "Odd", **entry}, strict=False)
    pipeline = make_pipeline().model_copy(update={"post_process": (odd,)})
    [told] = await post_process(complete_run, pipeline, Launch())
    assert told.failed
    assert complete_run.paths.results.read_bytes() == before
    assert not (tmp_path / "tones.csv").exists()


PRINT = "import sys\nprint('here', *sys.argv[1:])\n"
SCRIPT = "{name: Report, type: script, script: scripts/say.py, args: [--x, '1'], output: say.txt}"


async def test_a_script_gets_the_run_and_its_arguments(complete_run, process):
    """As in the original: `python script RUN_DIR args…`; what it prints is the output."""
    [told] = await process(SCRIPT, files={"scripts/say.py": PRINT}, allow_scripts=True)
    assert not told.failed
    assert "wrote say.txt" in told.message
    said = (complete_run.paths.outputs / "say.txt").read_text()
    assert said == f"here {complete_run.paths.dir} --x 1\n"


async def test_a_script_is_not_run_unless_that_is_allowed(complete_run, process):
    """A pipeline may come from anywhere."""
    [told] = await process(SCRIPT, files={"scripts/say.py": PRINT})
    assert told == ("Report", "skipped: needs --allow-scripts", False)
    assert not (complete_run.paths.outputs / "say.txt").exists()


async def test_a_script_that_fails_leaves_its_last_output(complete_run, process):
    """Half a report is none."""
    (complete_run.paths.outputs / "say.txt").write_text("before")
    fails = "print('half')\nraise SystemExit('no such thing')\n"
    [told] = await process(SCRIPT, files={"scripts/say.py": fails}, allow_scripts=True)
    assert told == ("Report", "scripts/say.py ended with exit code 1: no such thing", True)
    assert (complete_run.paths.outputs / "say.txt").read_text() == "before"


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
