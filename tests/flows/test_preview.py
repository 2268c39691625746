"""`octobatch preview`: prompts and requests for people and programs, without a key."""

import json
import subprocess
import sys

import pytest

SMALL = {
    "config.yaml": "name: Small\nitems_source: items.yaml\napi: {provider: openai}\n"
    "pipeline:\n  - {name: ask, template: ask.jinja2}\n  - {name: tell, template: ask.jinja2}\n",
    "items.yaml": '[{id: one, say: "[red]no markup[/red]"}, {id: two, say: "\\u202Eturned"}]',
    "templates/ask.jinja2": "\x1b[2J{{ say }}\x0bback",
}


@pytest.fixture
def small(tmp_path):
    """A pipeline of two steps without rehearsals, and items that are up to no good."""
    for name, content in SMALL.items():
        path = tmp_path / "Small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return str(tmp_path / "Small")


def test_a_unit_is_meant_by_number_or_id(octo):
    """Numbers are counted from 1, which is also what is shown when nothing is said."""
    first = octo("preview", "NpcDialog")
    assert first[0] == 0
    assert first[1].startswith("unit Maren_Tolk-cheerful-missing_bell\n")
    assert octo("preview", "NpcDialog", "--unit", "1") == first
    assert octo("preview", "NpcDialog", "--unit", "Maren_Tolk-cheerful-missing_bell") == first


@pytest.mark.parametrize("unit", ["0", "61", "-1", "nobody"])
def test_a_unit_that_is_not_there_is_told(octo, unit):
    """With what there is, and where to look."""
    code, _, err = octo("preview", "NpcDialog", "--unit", unit)
    assert code == 2
    assert "say a number from 1 to 60, or an id (octobatch items NpcDialog prints them)" in err


def test_what_is_sent_is_shown_whole(octo):
    """System prompt, question, who would be asked, the body, an estimate that is called one."""
    _, out, _ = octo("preview", "NpcDialog")
    assert "generate (chunk) asks gpt-6-luna of openai" in out
    assert "You write dialogue for Maren Tolk, keeper of the lighthouse" in out
    assert "tokens (an estimate: bytes / 4)" in out
    assert '"response_format": {' in out


def test_one_step_alone(octo):
    """Those before it are gone through, not shown."""
    _, out, _ = octo("preview", "NpcDialog", "--step", "score", "--unit", "2")
    assert "score (chunk)" in out
    assert "generate (chunk)" not in out


def test_a_step_that_cannot_be_reached_exits_1_and_says_why(octo, small):
    """Its prompt needs what nobody can know."""
    code, out, _ = octo("preview", small, "--step", "tell")
    assert code == 1
    assert "rehearsal/ask.jinja2 would stand in for it" in out
    assert octo("preview", small)[0] == 0


def test_an_unknown_step_or_provider_is_told(octo):
    """With those there are."""
    code, _, err = octo("preview", "NpcDialog", "--step", "scor")
    assert (code, "did you mean 'score'?" in err) == (2, True)
    code, _, err = octo("preview", "NpcDialog", "--provider", "nobody")
    assert (code, "no provider 'nobody'" in err) == (2, True)


def test_texts_are_shown_as_they_are_and_do_nothing(octo, small):
    """Neither markup nor what a terminal would obey."""
    assert "[red]no markup[/red]" in octo("preview", small)[1]
    out = octo("preview", small, "--unit", "two")[1]
    assert "    \\x1b[2J\\u202eturned\\x0bback\n" in out
    assert not {"\x1b", "\u202e"} & set(out)


def test_the_same_for_programs(octo):
    """Everything, as JSON."""
    _, out, _ = octo("preview", "NpcDialog", "--json", "--unit", "3")
    shown = json.loads(out)
    assert shown["unit"]["unit_id"] == "Maren_Tolk-cheerful-stray_dog"
    assert [step["step"] for step in shown["steps"]] == ["generate", "score"]
    generate = shown["steps"][0]
    assert generate["prompt"]["turns"][0][0] == "user"
    assert generate["request"]["body"]["model"] == "gpt-6-luna"
    assert generate["request"]["tokens_estimate"] > 100
    assert generate["gained"].keys() == {"greeting", "lines", "tone", "urgency"}


def test_other_items_are_previewed_without_a_change_to_the_pipeline(octo, small, tmp_path):
    """A glance at tomorrow's data."""
    (tmp_path / "other.jsonl").write_text('{"id": "new", "say": "fresh"}\n')
    _, out, _ = octo("preview", small, "--items", str(tmp_path / "other.jsonl"))
    assert out.startswith("unit new\n")


def test_a_preview_imports_no_sdk():
    """What asks nobody starts in a fraction of a second."""
    code = (
        "import sys\nfrom flows.cli.main import octobatch\n"
        "octobatch(['preview', 'NpcDialog', '--json'], standalone_mode=False)\n"
        "print({'openai', 'prefect', 'textual'} & set(sys.modules), file=sys.stderr)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr == "set()\n"
