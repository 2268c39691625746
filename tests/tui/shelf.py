"""Pipelines to look at, good and broken."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).parents[2] / "pipelines"
CONFIG = "config.yaml"


def put(root: Path, name: str = "NpcDialog", of: str = "NpcDialog") -> Path:
    """Put a copy of one of ours under a root, under a name of its own."""
    folder = root / name
    shutil.copytree(HERE / of, folder)
    change(folder, f"name: {of}", f"name: {name}")
    return folder


def change(folder: Path, old: str, new: str, file: str = CONFIG) -> None:
    """Write something else in a file."""
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _config(content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / CONFIG).write_bytes(content)

    return write


def _not_a_file(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return make


def _template(content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "templates" / "generate.jinja2").write_bytes(content)

    return write


BROKEN: Mapping[str, Callable[[Path], None]] = {
    "empty": _config(b""),
    "not a mapping": _config(b"- one\n- two\n"),
    "no steps": _config(b"name: Broken\n"),
    "steps that are none": _config(b"name: Broken\npipeline: [3, null, {name: {a: b}}, []]\n"),
    "steps that are a word": _config(b"name: Broken\npipeline: none\n"),
    "a bracket left open": lambda f: change(f, "retry_step: generate", "retry_step: [generate"),
    "a quote left open": lambda f: change(f, "template: score", 'template: "score'),
    "a tab": lambda f: change(f, "    template: score", "\ttemplate: score"),
    "a key twice": lambda f: change(f, "max_retries: 2", "max_retries: 2\nmax_retries: 3"),
    "a tag": _config(b"name: Broken\npipeline: !!python/object:os.system [x]\n"),
    "aliases in aliases": _config(
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nname: Broken\npipeline: [*c]\n"
    ),
    "a key that there is not": lambda f: change(f, "output_schema: score", "output_schma: score"),
    "a template that is not there": lambda f: (f / "templates" / "score.jinja2").unlink(),
    "a schema that is not there": lambda f: (f / "schemas" / "score.json").unlink(),
    "items that are not there": lambda f: (f / "items.yaml").unlink(),
    "a template that is none": _template(b"{% if %}\n"),
    "a template of other bytes": _template(b"\xff\xfe{{ \x00 }}\x80"),
    "a template that is a folder": _not_a_file("templates/generate.jinja2"),
    "a schema that is none": lambda f: change(f, '"object"', '"objekt"', "schemas/score.json"),
    "a template out of the folder": lambda f: change(f, "generate.jinja2", "../../../etc/passwd"),
    "bytes that are no text": _config(
        b"name: Bro\xff\xfeken\x00\x1b]52;c;eA==\x07\npipeline: []\n"
    ),
    "markup": _config(
        b"name: '[/bold]'\npipeline: [{name: '[red]', template: '[@click=app.quit]'}]\n"
    ),
    "half a character": _config(b'name: "\\ud800"\npipeline: [{name: "a\\u202eb"}]\n'),
    "very deep": _config(b"name: Broken\npipeline: " + b"[" * 5_000),
    "a line without an end": _config(b"name: Broken\ndescription: " + b"x" * (1 << 20)),
    "a template of one line": _template(b"{{" * (1 << 19)),
}
"""What may be wrong with a pipeline, and how it is made so."""
