"""What stands where in a file of YAML."""

from pathlib import Path

from tui.written import written

HERE = Path("config.yaml")
TEXT = """\
# of the whole
name: Letters

pipeline:
  # why it is there
  - name: write
    template: write.jinja2
    rules:
      - name: short
        # deeper, and of the rule
        expr: "a < 1"

    # at the end of the step
  # of the next one
  - {name: judge, when: "x"}
  - name: last
    text: |
      # no comment
      said
"""


def part(*keys, text=TEXT):
    line, lines = written(HERE, text).part(keys)
    return line, "\n".join(lines)


def test_a_step_stands_with_its_comments():
    line, text = part("pipeline", 0)
    assert line == 5
    assert text.startswith("  # why it is there\n  - name: write\n")
    assert text.endswith('expr: "a < 1"\n\n    # at the end of the step')


def test_the_next_one_begins_with_the_comment_above_it():
    assert part("pipeline", 1) == (14, '  # of the next one\n  - {name: judge, when: "x"}')


def test_a_key_stands_alone():
    assert part("pipeline", 0, "template") == (7, "    template: write.jinja2")
    assert part("name") == (1, "# of the whole\nname: Letters")


def test_a_text_of_several_lines_is_whole():
    assert part("pipeline", 2, "text") == (17, "    text: |\n      # no comment\n      said")


def test_what_stands_before_a_mistake_is_read():
    broken = TEXT.replace("{name: judge", "{name: [judge")
    found = written(HERE, broken)
    assert [step["name"] for step in found.document.value["pipeline"]] == ["write"]
    assert found.readable == 14


def test_nothing_readable_is_nothing():
    found = written(HERE, "[")
    assert (found.document.value, found.readable) == (None, 0)
    assert written(HERE, "").document.value is None
