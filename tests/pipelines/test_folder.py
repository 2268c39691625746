"""A name stands for a folder under the root; what is not there is answered with what is."""

import pickle
from pathlib import Path

import pytest

from pipelines import PipelineNotFound, available, find, pipelines_root
from pipelines.folder import inside


@pytest.fixture
def root(make_folder, monkeypatch):
    make_folder(name="Small")
    folder = make_folder(name="Other")
    (folder.parent / "_hidden").mkdir()
    (folder.parent / "Empty").mkdir()
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(folder.parent))
    return folder.parent


def test_the_root_is_absolute_and_beside_the_package():
    assert pipelines_root() == Path(__file__).parents[2] / "pipelines"
    assert "NpcDialog" in available()


def test_the_environment_names_another_root(root):
    assert pipelines_root() == root
    assert available() == ["Other", "Small"]


def test_a_pipeline_is_found_by_name_or_path(root, monkeypatch):
    assert find("Small") == root / "Small"
    assert find(str(root / "Other")) == root / "Other"
    monkeypatch.chdir(root / "Other")
    assert find(".") == root / "Other"


@pytest.mark.parametrize("target", ["Smal", "small", "", "Empty", "../Small", "a/b", "x\0y"])
def test_what_is_not_there_is_answered_with_what_is(root, monkeypatch, target):
    monkeypatch.chdir(root / "Empty")
    if target == "../Small":
        assert find(target) == root / "Small"
        return
    with pytest.raises(PipelineNotFound, match="holds: Other, Small") as caught:
        find(target)
    assert ("did you mean 'Small'?" in str(caught.value)) == (target in {"Smal", "small"})
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "~/x",
        "~root/x",
        "a\0b",
        "..\\x",
        "C:\\x",
        "link",
    ],
)
def test_no_name_leads_out_of_a_folder(tmp_path, name):
    (tmp_path / "link").symlink_to("/etc")
    assert inside(tmp_path, name) is None


@pytest.mark.parametrize("name", ["a", "a/b.json", "a..b", "./a"])
def test_a_name_leads_into_its_folder(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name
