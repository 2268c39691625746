"""Dollars in words: unknown is never 0, and what was rehearsed is marked."""

from decimal import Decimal

__all__ = ["cap", "cost_in_words", "usd"]


def usd(amount: Decimal | None) -> str:
    """Return an amount for people: to the cent from a dollar on, finer below."""
    if amount is None:
        return "unknown"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def cap(amount: Decimal) -> str:
    """Return an amount that a person has named: in cents, or as it was said if that is finer."""
    cents = round(amount, 2)
    return f"${cents:,.2f}" if cents == amount else f"${amount:f}"


def cost_in_words(cost_usd: Decimal | None, *, emulated: bool, short: bool = False) -> str:
    """Return a cost for people; an emulated one is marked."""
    amount = usd(cost_usd)
    if not emulated:
        return amount
    return f"({amount})" if short else f"{amount} (emulated: nothing was paid)"
