"""Lines of files of any size, found and searched as they grow."""

from hypothesis import given
from hypothesis import strategies as st

from tui.lines import LineFile, Search

TEXTS = st.lists(st.binary(max_size=8).map(lambda b: b.replace(b"\r", b"")), max_size=6)


def lines_of(file: LineFile) -> list[bytes]:
    return [file.bytes_of(number) for number in range(len(file))]


@given(pieces=TEXTS)
def test_a_file_that_grows_reads_as_if_it_were_read_at_once(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("lines") / "log"
    path.write_bytes(b"")
    growing = LineFile(path)
    search = Search(growing, "a")
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece)
        assert growing.look()
        search.look()
    whole = b"".join(pieces)
    expected = whole.removesuffix(b"\n").split(b"\n") if whole else []
    assert lines_of(growing) == expected
    assert list(search.found) == [n for n, line in enumerate(expected) if b"a" in line.lower()]


def test_a_file_that_is_replaced_is_read_anew(tmp_path):
    path = tmp_path / "log"
    path.write_text("one\ntwo\n")
    file = LineFile(path)
    file.look()
    search = Search(file, "t")
    search.look()
    assert list(search.found) == [1]
    path.unlink()
    path.write_text("three\n")
    file.look()
    search.look()
    assert (lines_of(file), list(search.found), file.versions) == ([b"three"], [0], 1)
    path.unlink()
    assert file.look()
    assert len(file) == 0


def test_what_takes_long_is_gone_on_with(tmp_path):
    """Each look is over in time, and the next begins where it ended."""
    path = tmp_path / "log"
    path.write_bytes(b"a line of some length\n" * 500_000)
    ticks = iter(range(1000))
    file = LineFile(path)
    looks = 1
    while not file.look(timer=lambda: next(ticks)):
        looks += 1
    assert looks > 1
    assert len(file) == 500_000
    search, looks = Search(file, "LINE !none"), 1
    while not search.look(timer=lambda: next(ticks)):
        looks += 1
    assert looks > 1
    assert len(search.found) == 500_000


def test_words_and_words_that_must_not_be_there(tmp_path):
    path = tmp_path / "log"
    path.write_text("opened epoch=1\nchunk closed\nCHUNK failed\n")
    file = LineFile(path)
    file.look()
    for text, found in (("chunk", [1, 2]), ("chunk !failed", [1]), ("!chunk", [0]), ("! ", [])):
        search = Search(file, text)
        assert search.all == (text == "! ")
        search.look()
        assert search.all or list(search.found) == found


def test_a_line_is_cut_before_it_is_cleaned(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"\x1b[31m" + b"x" * 2_000_000 + b"\n\xff\xfe end")
    file = LineFile(path)
    file.look()
    assert file.line(0, 10) == "␛[31mxxxxx"
    assert file.line(1).endswith(" end")
    assert len(file.bytes_of(0)) == 2_000_005
