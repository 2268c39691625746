"""No text of a file can give the terminal an order."""

import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tui.clean import clean, nearby

BIDI = {chr(code) for code in (0x061C, 0x200E, *range(0x2066, 0x206A), *range(0x202A, 0x202F))}

hostile = st.text(
    st.characters(codec=None)
    | st.sampled_from("\0\t\n\r\x1b\x7f\x85\x9b\u200b\u200d\u202e\u2066\ufeff\ud800")
)


@given(hostile)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """Neither control characters, nor marks of direction, nor halves of characters."""
    for character in clean(text, lines=True):
        assert character == "\n" or unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert character not in BIDI


@given(hostile)
def test_a_line_stays_one(text: str) -> None:
    """Without `lines` there is one line, whatever stands in the text."""
    assert len(clean(text).splitlines()) <= 1


@given(hostile)
def test_clean_text_stays_as_it_is(text: str) -> None:
    """Cleaning twice is cleaning once."""
    assert clean(clean(text, lines=True), lines=True) == clean(text, lines=True)


def test_what_was_there_can_be_seen() -> None:
    """An escape, a NUL and an override are shown where they stood."""
    assert clean("a\x1b[31mb\0\u202ec\td\ud800") == "a␛[31mb␀·c    d\N{REPLACEMENT CHARACTER}"


def test_a_path_is_said_from_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/you"))
    assert nearby(tmp_path / "pipelines" / "A\x1b") == "pipelines/A␛"
    assert nearby(Path("/home/you/octobatch")) == "~/octobatch"
    assert nearby(Path("/srv/runs")) == "/srv/runs"
    assert nearby(tmp_path) == str(tmp_path)
