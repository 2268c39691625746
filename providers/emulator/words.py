"""Readable text from a seeded source of chance."""

from random import Random

__all__ = ["fitting", "sentence", "word"]

PLAIN = """
amber anchor autumn barrel basket beacon blanket bottle bramble breeze bridge candle
canvas castle cellar chimney cinder circle clover coastal compass copper corner cotton
crooked dapple distant drizzle drummer dusty eager early ember evening faded feather
fiddle flannel forest friendly gallop garden gentle ginger gravel hammer harbour hazel
hidden hollow honest island ivory jacket journey kettle ladder lantern lattice leather
little lively lonely marble market meadow mellow merry midnight mirror modest morning
narrow nimble northern oaken orchard paddle parcel pebble pepper pickle pillow pocket
polished quarry quiet rafter rambling ribbon ripple rusty saddle sailor sandy scarlet
secret shallow shelter silver simple sleepy slender soldier spindle stubborn sudden sunlit
supper tender thicket thimble timber tumble twilight valley velvet village violet wander
weathered whisper willow window winter wooden yellow
"""
WORDS = tuple(PLAIN.split())
SENTENCE_FITS = 30
"""Characters from which a shortened sentence reads better than a single word."""


def word(chance: Random) -> str:
    """Return one lower-case word."""
    return chance.choice(WORDS)


def sentence(chance: Random) -> str:
    """Return one sentence of four to twelve words."""
    return " ".join(chance.choices(WORDS, k=chance.randint(4, 12))).capitalize() + "."


def fitting(chance: Random, least: int, most: int | None) -> str:
    """Return text of at least `least` and at most `most` characters."""
    text = word(chance) if most is not None and most < SENTENCE_FITS else sentence(chance)
    while len(text) < least:
        text += " " + sentence(chance)
    if most is None or len(text) <= most:
        return text
    whole_words = text[: most + 1].rpartition(" ")[0]
    # A word is cut only where the lower limit leaves no room for whole ones.
    return whole_words if len(whole_words) >= max(least, 1) else text[:most]
