"""Text of files made fit to be shown: what would move a terminal's cursor is told, never done."""

from pathlib import Path

__all__ = ["clean", "nearby"]

TAB = "    "
INVISIBLE = "\N{MIDDLE DOT}"
"""Stands for one character that cannot be seen, or turns what is around it."""
LOST = "\N{REPLACEMENT CHARACTER}"
"""Stands for half of a character."""

_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\N{SYMBOL FOR DELETE}"}
_UNSEEN = (
    *range(0x80, 0xA0),  # C1
    0xAD,
    0x034F,
    0x061C,
    0x115F,
    0x1160,
    0x180E,
    *range(0x200B, 0x2010),  # zero-width, and marks of direction
    *range(0x2028, 0x202F),  # separators of lines, embeddings and overrides of direction
    *range(0x2060, 0x2070),  # joiners, isolates
    0x3164,
    0xFEFF,
    0xFFA0,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),  # tags
)
_LINE: dict[int, str | None] = {
    **_PICTURES,
    ord("\t"): TAB,
    **dict.fromkeys(_UNSEEN, INVISIBLE),
    **dict.fromkeys(range(0xD800, 0xE000), LOST),
}
_LINES = {code: said for code, said in _LINE.items() if code != ord("\n")}


def clean(text: str, *, lines: bool = False) -> str:
    """Return `text` without anything that a terminal would obey; newlines stay if `lines`.

    A joiner is shown, too: emoji that were joined stand side by side, as wide as they are counted.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_LINES if lines else _LINE)


def nearby(path: Path) -> str:
    """Return a path as one would say it here: from this folder on, or from one's own."""
    for begin, said in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(begin) and path != begin:
            return clean(f"{said}{path.relative_to(begin)}")
    return clean(str(path))
