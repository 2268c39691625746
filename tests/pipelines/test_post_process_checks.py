"""What is to be made of results is checked before there are any."""

import pytest

ASK = "  - {name: ask, template: ask.jinja2, output_schema: answer.json}\n"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("group_by: kind, output: a.csv", None),
        ("group_by: topic.name, output: a.csv", None),
        ("type: gzip, files: ['*.csv', outputs/a.txt]", None),
        ("type: script, script: scripts/r.py, args: [a], output: a.txt", None),
        ("group_by: kind", "needs `output`: the table's file in outputs/, as in"),
        ("output: a.csv", "needs `group_by`: the field that has a row for each of its values"),
        ("group_by: kinds, output: a.csv", "group_by: 'kinds' is no field of the units here; did"),
        ("group_by: kind, count: a.b, output: a.csv", "count: 'a' is no field of the units here"),
        ("group_by: kind, output: results.jsonl", "is the run's own file: take another name"),
        ("group_by: kind, output: /a.csv", "leads out of outputs/: give a file's name"),
        ("script: scripts/r.py", "has 'script': add `type: script`"),
        ("files: [a]", "has 'files': add `type: gzip`"),
        ("type: gzip", "needs `files`: what to compress in outputs/"),
        ("type: gzip, files: [../a]", "files: '../a' leads out of outputs/"),
        (
            "type: gzip, files: [a], count: b",
            "'count' does nothing with type `gzip`: it belongs to",
        ),
        ("type: script, script: scripts/s.py", "no 'scripts/s.py' in the folder; did you mean"),
        ("type: tabel, group_by: kind, output: a.csv", "'tabel'; did you mean 'table'?"),
    ],
)
def test_what_is_made_of_results_is_checked_before_there_are_any(said, entry, problem):
    steps = f"{ASK}post_process: [{{name: T, {entry}}}]\n"
    problems, _ = said(steps, {"scripts/r.py": ""})
    if problem is None:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problem in problems[0]


def test_two_entries_do_not_write_one_file(said):
    entry = "{name: %s, group_by: kind, output: a.csv}"
    problems, _ = said(f"{ASK}post_process: [{entry % 'T'}, {entry % 'U'}]\n")
    assert problems == [
        (
            "config.yaml:5: post_process 'U': output 'a.csv' is written by 'T' already: "
            "take another name"
        )
    ]
