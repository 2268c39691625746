"""What docs/promises.md says is shown by a test is shown by one."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PROMISES = (CHECKOUT / "docs" / "promises.md").read_text()
NUMBERS = {*range(1, 11), 19, 20, *range(22, 34), 38, 39, 43}
"""Of the faults that concern batches."""


def test_every_fault_has_a_row_that_names_a_test():
    rows = re.findall(r"^\| (\d+) \|.*$", PROMISES, re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(NUMBERS)
    for line in PROMISES.splitlines():
        if re.match(r"\| \d", line):
            assert "`tests/" in line.rsplit("|", 2)[1], line


def test_every_test_that_is_named_is_there():
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PROMISES))
    assert len(named) > 30
    for path, name in named:
        assert f"def {name}(" in (CHECKOUT / path).read_text(), f"{path} has no {name}"


def test_every_crash_point_that_is_named_is_there():
    points = {
        found
        for package in ("providers", "tasks")
        for path in (CHECKOUT / package).glob("*.py")
        for found in re.findall(r'points\.at\("([a-z_.]+)"\)', path.read_text())
    }
    assert points == set(
        re.findall(r"`((?:submit|upload|poll|download|settle|advance)\.\w+)`", PROMISES)
    )
