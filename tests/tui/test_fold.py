"""Folding loses nothing and never exceeds the width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.clean import clean
from tui.fold import fold, folded
from tui.paint import Part, Tone

TEXT = st.text(max_size=60).map(clean)


@given(text=TEXT, width=st.integers(8, 20))
def test_pieces_are_the_text_and_fit(text, width):
    pieces = list(fold(text, width))
    assert "".join(pieces) == text
    assert all(piece and cell_len(piece.removesuffix(" ")) <= width for piece in pieces)


@given(texts=st.lists(TEXT, max_size=4), width=st.integers(8, 20))
def test_parts_keep_their_tones(texts, width):
    line = tuple(Part(text, list(Tone)[n]) for n, text in enumerate(texts))
    rows = folded([line], width)
    for tone in Tone:
        said = "".join(part.text for row in rows for part in row if part.tone is tone)
        assert said == "".join(part.text for part in line if part.tone is tone)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("a short one", ["a short ", "one"]),
        ("a verylongword", ["a verylo", "ngword"]),
        ("exactly8 next", ["exactly8 ", "next"]),
        ("日本語日本語", ["日本語日", "本語"]),
    ],
)
def test_words_stay_whole_where_they_can(text, pieces):
    assert list(fold(text, 8)) == pieces


def test_an_empty_line_is_a_row():
    assert folded([(), (Part(""),), (Part("x"),)], 10) == [(), (), (Part("x"),)]
