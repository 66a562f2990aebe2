"""The example of an own policy and condition: what it prints, and that it keeps the rules for policies."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from patronage import Condition, Line, LineKind, Policy, Purchase
from patronage.codec import Codec
from patronage.ledger import Balance
from patronage.testing import check_policy, occasion, purchase
from patronage.testing.kit import AT

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example, imported as a module."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("own_policy")


def basket(*skus: str) -> Purchase:
    """A purchase of these items."""
    return purchase(lines=[Line(total=purchase().lines[0].total, sku=sku, kind=LineKind.GOODS) for sku in skus])


class TestEveryNthVisit:
    def test_the_third_visit_of_a_month_pays(self, example: ModuleType) -> None:
        """Shown two visits of this month on the account, the policy counts one and pays."""
        shown = occasion(balances=[Balance("visits", "2026-03", 2)])
        count, paid = example.third.effects(shown)
        assert count.amount == example.visits.of(1)
        assert count.label == "2026-03"
        assert paid.amount == example.points.of(100)

    def test_visits_of_another_month_do_not_count(self, example: ModuleType) -> None:
        """Two visits in February make March's first no third."""
        shown = occasion(balances=[Balance("visits", "2026-02", 2)])
        assert [effect.amount.unit for effect in example.third.effects(shown)] == ["visits"]

    def test_it_keeps_the_rules(self, example: ModuleType) -> None:
        """The kit finds nothing, in this process and in others, and the codec round trip holds."""
        codec = Codec(units=example.terms.units).register(example.EveryNthVisit, tag="shop.nth_visit", of=Policy)
        events = [purchase(id=f"o-{n}", at=AT.replace(day=n)) for n in (5, 12, 19)]
        report = check_policy(example.third, events, units=example.terms.units, codec=codec)
        assert report.answers == 3
        assert report.skipped == ()


class TestVariedBasket:
    def test_different_items_count_once_each(self, example: ModuleType) -> None:
        """Three different SKUs are varied, three of one are not."""
        varied = example.VariedBasket(3)
        assert varied.holds(occasion(basket("tea", "milk", "bread")), None)
        assert not varied.holds(occasion(basket("tea", "tea", "tea")), None)

    def test_the_codec_takes_it(self, example: ModuleType) -> None:
        """Registered as a condition it survives the round trip."""
        codec = Codec().register(example.VariedBasket, tag="shop.varied_basket", of=Condition)
        assert codec.load(codec.dump(example.VariedBasket(3)), Condition) == example.VariedBasket(3)


def test_it_runs_and_says_why(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """The third visit's explanation tells, in the shop's own words, what paid and what did not."""
    example.main()
    told = capsys.readouterr().out
    assert "100 points credited for visit number 3 of 2026-03." in told
    assert "Rule varied did not apply: it asks for a basket of at least 3 different items." in told
    assert told.count("Deciding again from this record gives the same.") == 3
