"""The blackjack table: a shoe of six decks, and checks that take right plays and no others."""

import asyncio
from collections import Counter
from math import sqrt

import pytest

from pipelines import Passed, Sandbox, find, judge_fields, load, prepare, units
from tests.pipelines.demos import compute

HANDS = 300
RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
TENS = ("10", "J", "Q", "K")
SHOWN = ("2", "3", "4", "5", "6", "7", "8", "9", "10", "A")


@pytest.fixture(scope="module")
def blackjack():
    return load(find("Blackjack"))


@pytest.fixture(scope="module")
def dealt(blackjack):
    """Three hundred hands for each strategy, dealt."""
    return compute(blackjack, list(units(blackjack, repeat=HANDS)), "deal")


def worth(hand):
    """Return the total of a hand, and whether it is soft: the best of all ways to count."""
    ways = {0}
    for card in hand:
        ways = {n + m for n in ways for m in ((1, 11) if card == "A" else (_number(card),))}
    best = max((n for n in ways if n <= 21), default=min(ways))
    return best, best != min(ways)


def _number(card):
    return 10 if card in TENS else int(card)


def says(strategy, hand, up):
    """Return what a strategy says, in other words than the pipeline's tables."""
    total, soft = worth(hand)
    shown = 11 if up == "A" else _number(up)
    if strategy == "like the dealer":
        stands = total >= 17
    elif strategy == "never bust":
        stands = total >= 18 if soft else total >= 12
    elif soft:
        stands = total >= (18 if shown <= 8 else 19)
    elif 13 <= total <= 16:
        stands = shown <= 6
    else:
        stands = total >= 17 or (total == 12 and shown in {4, 5, 6})
    return "stand" if stands else "hit"


def played(unit, choose=says):
    """Return a unit with its hand played out, as a reply would have it."""
    hand, turns = list(unit["player"]), []
    shoe = iter(unit["next_cards"])
    decision = "hit"
    while decision == "hit" and worth(hand)[0] <= 21:
        total = worth(hand)[0]
        decision = choose(unit["strategy"], hand, unit["up"])
        card = next(shoe) if decision == "hit" else None
        turns.append({"total": total, "decision": decision, "card": card})
        hand += [card] if card else []
    total = worth(hand)[0]
    return {**unit, "turns": turns, "final_total": total, "bust": total > 21}


def verdicts(blackjack, step, hands):
    """Return what a check says of hands: the names of the rules that are broken."""
    checked = compute(blackjack, hands, step)
    prepared = prepare(blackjack, blackjack.step(step))

    async def judged():
        async with Sandbox() as sandbox:
            rows = [(unit, {}) for unit in checked]
            return await judge_fields(prepared, rows, sandbox)

    return checked, [
        () if isinstance(one, Passed) else tuple(error.rule for error in one.errors)
        for one in asyncio.run(judged())
    ]


def test_the_shoe_holds_every_rank_alike(dealt):
    """24 of 312 each, within the 99.9 % interval; and never more of one than six decks have."""
    drawn = Counter(card for unit in dealt for card in unit["shoe"])
    n = drawn.total()
    assert set(drawn) == set(RANKS)
    for rank in RANKS:
        assert abs(drawn[rank] / n - 1 / 13) <= 3.2905 * sqrt(12 / 169 / n)


def test_the_deal_goes_round_and_the_shoe_goes_on(dealt):
    """Player, dealer, player, dealer; then what is to be drawn."""
    for unit in dealt:
        first, second, third, fourth, *rest = unit["shoe"]
        assert (unit["player"], unit["dealer"]) == ([first, third], [second, fourth])
        assert unit["up"] == second
        assert unit["next_cards"] == rest[:10]
        assert SHOWN[unit["column"]] == ("10" if second in TENS else second)


def test_every_right_play_passes_both_checks(blackjack, dealt):
    """Nine hundred hands played by somebody who knows nothing of the pipeline's tables."""
    checked, broken = verdicts(blackjack, "check_hand", [played(unit) for unit in dealt])
    assert set(broken) == {()}
    for unit in checked:
        total = worth([*unit["player"], *unit["due"]])[0]
        assert unit["total"] == unit["final_total"] == total
    _, broken = verdicts(blackjack, "check_strategy", checked)
    assert set(broken) == {()}


def test_every_other_decision_is_found(blackjack, dealt):
    """Whoever does the opposite at first breaks the strategy, and the message names the total."""

    def contrary(strategy, hand, up):
        right = says(strategy, hand, up)
        wrong = {"hit": "stand", "stand": "hit"}[right]
        return wrong if len(hand) == 2 else right

    checked, broken = verdicts(blackjack, "check_hand", [played(unit, contrary) for unit in dealt])
    assert set(broken) == {()}  # it is a hand like any other
    checked, broken = verdicts(blackjack, "check_strategy", checked)
    assert set(broken) == {("by_the_strategy",)}
    for unit in checked:
        total, soft = worth(unit["player"])
        first = f"on {'soft' if soft else 'hard'} {total} against {unit['up']} the strategy says "
        assert unit["first_mistake"].startswith(first)


def _miscounted(hand):
    return {**hand, "final_total": hand["final_total"] + 1}


def _denied(hand):
    return {**hand, "bust": not hand["bust"]}


def _burnt(hand):
    return played({**hand, "next_cards": hand["next_cards"][1:]}) | {
        "next_cards": hand["next_cards"]
    }


def _left_early(hand):
    return {**hand, "turns": hand["turns"][:-1]}


def _went_on(hand):
    more = {"total": hand["final_total"], "decision": "stand", "card": None}
    return {**hand, "turns": [*hand["turns"], more]}


def _stood_and_drew(hand):
    last = {**hand["turns"][-1], "card": hand["next_cards"][0]}
    return {**hand, "turns": [*hand["turns"][:-1], last]}


def _hit_without_a_card(hand):
    return {**hand, "turns": [{**hand["turns"][0], "card": None}, *hand["turns"][1:]]}


@pytest.mark.parametrize(
    ("wrong", "where", "rule"),
    [
        (_miscounted, lambda _: True, "right_totals"),
        (_denied, lambda _: True, "right_end"),
        (_went_on, lambda _: True, "played_out"),
        (_left_early, lambda hand: len(hand["turns"]) > 1, "played_out"),
        (_hit_without_a_card, lambda hand: len(hand["turns"]) > 1, "cards_in_order"),
        (_stood_and_drew, lambda hand: not hand["bust"], "cards_in_order"),
        (
            _burnt,
            lambda hand: hand["turns"][0]["card"] not in {None, hand["next_cards"][1]},
            "cards_in_order",
        ),
    ],
)
def test_every_wrong_hand_is_found(blackjack, dealt, wrong, where, rule):
    """Each way to cheat or to err, wherever it is one, by the rule that names it."""
    hands = [wrong(hand) for hand in map(played, dealt) if where(hand)]
    assert len(hands) > HANDS
    _, broken = verdicts(blackjack, "check_hand", hands)
    assert all(rule in rules for rules in broken)


def test_the_dealer_draws_to_seventeen_from_what_is_left(blackjack, dealt):
    """And whoever is nearer to 21 has won."""
    hands = compute(blackjack, [played(unit) for unit in dealt], "check_hand", "showdown")
    for unit in hands:
        shoe = iter(unit["next_cards"][len(unit["due"]) :] + unit["shoe"][14:])
        dealer = list(unit["dealer"])
        while worth(dealer)[0] < 17:
            dealer.append(next(shoe))
        total = worth(dealer)[0]
        assert unit["dealer_total"] == total
        assert unit["result"] == _result(unit["final_total"], total)
    assert {unit["result"] for unit in hands} == {"won", "lost", "push"}


def _result(player, dealer):
    if player > 21:
        return "lost"
    if dealer > 21 or player > dealer:
        return "won"
    return "push" if player == dealer else "lost"
