"""A pipeline's folder keeps to itself: its name hides no module, and nothing leads out of it."""

from pathlib import Path

import pytest

from pipelines import inspect


def problems(folder: Path) -> list[str]:
    return [
        f"{one.path.relative_to(folder.parent)}: {one.message}" for one in inspect(folder).problems
    ]


@pytest.mark.parametrize("name", ["json", "asyncio", "tasks", "runs", "flows"])
def test_a_folder_that_would_hide_a_module_is_refused(make_folder, name):
    (problem,) = problems(make_folder(name=name))
    assert problem.startswith(f"{name}: a folder of this name would shadow the module {name!r} of")
    assert problem.endswith("rename it")


def test_a_folder_beside_a_module_of_its_name_is_refused(make_folder, tmp_path):
    (tmp_path / "Small.py").touch()
    assert problems(make_folder()) == [
        "Small: a folder of this name would shadow the module Small.py: rename it"
    ]


def test_a_folder_is_no_package(make_folder):
    assert problems(make_folder({"__init__.py": ""})) == [
        "Small/__init__.py: a pipeline's folder is no Python package: remove this file"
    ]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("templates/more.jinja2", "../../secret"),
        ("templates/parts", "../../elsewhere"),
        ("schemas/deep/more", "/etc"),
        ("scripts", "../elsewhere"),
        ("rehearsal/a.jinja2", "a.jinja2"),
    ],
)
def test_a_link_out_of_the_folder_is_refused(make_folder, tmp_path, link, target):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    folder = make_folder()
    (folder / link).parent.mkdir(parents=True, exist_ok=True)
    (folder / link).symlink_to(target)
    said = "is a link that leads out of the pipeline's folder: put a copy here instead"
    assert problems(folder) == [f"Small/{link}: {said}"]


def test_a_config_that_is_a_link_out_of_the_folder_is_refused(make_folder, tmp_path):
    folder = make_folder()
    (folder / "config.yaml").rename(tmp_path / "config.yaml")
    (folder / "config.yaml").symlink_to("../config.yaml")
    assert problems(folder)[0].startswith("Small/config.yaml: is a link that leads out")


def test_items_that_are_a_link_out_of_the_folder_are_refused(make_folder, tmp_path):
    folder = make_folder()
    (folder / "items.yaml").rename(tmp_path / "items.yaml")
    (folder / "items.yaml").symlink_to("../items.yaml")
    assert (
        "leads out of the pipeline's folder; put it there, or say it at the run"
        in problems(folder)[0]
    )


def test_links_within_the_folder_are_as_good_as_files(make_folder):
    folder = make_folder({"templates/asked.jinja2": "What of {{ topic }}?"})
    (folder / "templates" / "ask.jinja2").unlink()
    (folder / "templates" / "ask.jinja2").symlink_to("asked.jinja2")
    assert problems(folder) == []
