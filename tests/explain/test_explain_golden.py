"""What a support agent reads out, word for word, for the README's program."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from textwrap import dedent

from explain_shop import AT, Shop, bought, points, program, usd

from patronage import Enrolment, Redemption, Refund, RefundLine, StatusGrant
from patronage.events import Tender

ENROLLED = Enrolment(id="e-1", member="m-1", occurred_at=AT)
GOLDEN = StatusGrant(
    id="g-1", member="m-1", occurred_at=AT, key="tier", value="gold", actor="ann", reason="status match"
)
REDEEMED = Redemption(
    id="r-1", member="m-1", occurred_at=AT + timedelta(days=1), reward="pay", cart=bought("5.00", "15.00").lines
)
PAID = bought(
    "5.00",
    "15.00",
    id="o-2",
    days=1,
    tenders=[Tender(kind="points", total=usd.of("2.00"), redemption="r-1"), Tender(kind="card", total=usd.of("18.00"))],
)
RETURNED = Refund(
    id="f-1", member="m-1", occurred_at=AT + timedelta(days=2), purchase="o-1", lines=(RefundLine(id="1"),)
)


def same(told: str, expected: str) -> bool:
    """Line by line."""
    assert told.splitlines() == dedent(expected).strip().splitlines()
    return True


def test_an_enrolment_with_a_bonus() -> None:
    """The bonus, the limit it counts on, and the rules that are for something else."""
    assert same(
        Shop(program()).why(ENROLLED).text,
        """
        Enrolment e-1 on 5 March 2026 at 10:00.
        50 points earned by policy base.
          - Rule welcome: 50 points, at 50 points per 1 enrolment.
          - 50 points can be spent at once.
        Limit monthly of 200 points: 50 points used in 2026-03.
        Rule spend did not apply: it is for a purchase.
        Rule gold did not apply: it asks for tier gold.
        Deciding again from this record gives the same.
        """,
    )


def test_a_purchase_by_a_gold_member_who_reaches_the_limit() -> None:
    """Rule, lines, base, rate, multiplier, what the limit kept back, and until when the points last."""
    assert same(
        Shop(program()).why(ENROLLED, GOLDEN, bought("120.55", "20.00")).text,
        """
        Purchase o-1 on 5 March 2026 at 10:00: 140.55 USD.
        150 points earned by policy base.
          - Rule spend: 140 points for 140.55 USD on lines 1 and 2, at 1 points per 1.00 USD.
          - Rule gold: 70 points more, x 3/2.
          - Limit monthly: 60 points of rule gold not given, 10 points of 70 points left.
          - 150 points can be spent at once, until 5 March 2027 at 10:00.
        Limit monthly of 200 points: 150 points used in 2026-03.
        Rule welcome did not apply: it is for an enrolment.
        Deciding again from this record gives the same.
        """,
    )


def test_a_redemption() -> None:
    """Which points paid, and what the shop hands over on which line."""
    assert same(
        Shop(program()).why(ENROLLED, GOLDEN, bought("120.55", "20.00"), REDEEMED).text,
        """
        Redemption r-1 of reward pay on 6 March 2026 at 10:00.
        200 points spent on reward pay.
          - 150 points came from o-1, earned on 5 March 2026 at 10:00, good until 5 March 2027 at 10:00.
          - 50 points came from what never expires.
        2.00 USD off by reward pay: 0.50 USD on line 1 and 1.50 USD on line 2.
        This record alone does not tell what would be decided again.
        """,
    )


def test_a_refund_of_what_is_spent() -> None:
    """What is taken back by which rule, and what is owed now; decided again from the state before, it is the same."""
    shop = Shop(program())
    why = shop.why(ENROLLED, GOLDEN, bought("120.55", "20.00"), REDEEMED, RETURNED)
    assert same(
        why.text,
        """
        Refund f-1 of purchase o-1 on 7 March 2026 at 10:00.
        Limit monthly of 200 points: 120 points free again in 2026-03.
        120 points taken back that o-1 had earned.
          - Rule spend: 120 points taken.
          - 120 points were not there, and are owed now.
        This record alone does not tell what would be decided again.
        """,
    )


def test_a_refusal_says_how_much_is_there() -> None:
    """A redemption beyond the balance, with both figures."""
    asked = Redemption(id="r-9", member="m-1", occurred_at=AT, reward="pay", amount=points.of(1000))
    assert same(
        Shop(program()).why(asked).text,
        """
        Redemption r-9 of reward pay on 5 March 2026 at 10:00.
        Refused: 1000 points are needed for reward pay, and 0 points are there.
        This record alone does not tell what would be decided again.
        """,
    )


def test_points_given_back_by_a_refund() -> None:
    """What a redemption had paid comes back with its old life, and pays what is owed first."""
    shop = Shop(program())
    shop.play(ENROLLED, GOLDEN, bought("120.55", "20.00"), REDEEMED, PAID, RETURNED)
    back = Refund(id="f-2", member="m-1", occurred_at=AT + timedelta(days=3), purchase="o-2")
    told = shop.why(back).text
    assert "50 points given back that r-1 had spent.\n  - 50 points paid off what was owed." in told
    assert "150 points given back that r-1 had spent." in told
    assert "can be spent at once, until 5 March 2027 at 10:00." in told


def test_the_hash_seed_changes_nothing() -> None:
    """Conditions hold sets: what is told of them stands in one order in every process."""
    code = dedent(
        """
        import attrs
        from explain_shop import SPEND, Shop, bought, program
        from patronage import PointsPolicy
        from patronage.conditions import AnyOf, Brand, Category, Channel, Store
        words = list("abcde")
        when = AnyOf([Category(words), Brand(words), Channel(words), Store(words)])
        explanation = Shop(program(PointsPolicy(name="p", rules=(attrs.evolve(SPEND, when=when),)))).why(bought("1.00"))
        print(explanation.text, explanation.not_applied)
        """
    )
    told = set()
    for seed in ("0", "1", "2", "3"):
        paths = os.pathsep.join(sys.path)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
        told.add(done.stdout)
    assert len(told) == 1
