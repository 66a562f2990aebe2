"""P45: contributions, roundings and limits sum to the entry; deciding again from the commit reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

import attrs
import pytest
from explain_shop import AT, Shop, bought, points, program, usd
from hypothesis import given
from hypothesis import strategies as st

from patronage import (
    Account,
    Activity,
    Amount,
    BonusRule,
    Ceiling,
    Commit,
    Credit,
    Debit,
    Enrolment,
    Event,
    Give,
    Grain,
    MultiplierRule,
    On,
    PointsPolicy,
    Purchase,
    QuantityRule,
    Redemption,
    Refund,
    Rounding,
    SetTo,
    SpendRule,
    State,
    Transfer,
    Wake,
)
from patronage.conditions import Category
from patronage.explain import Explanation, Figure, Item, explain
from patronage.periods import MONTH
from patronage.rules import Rule
from patronage.testing.strategies import histories

GRAINS = st.sampled_from(Grain)
MODES = st.sampled_from(Rounding)
FACTORS = st.sampled_from(["3/2", "2", "5/7", "11/10"])
LIMITS = st.one_of(st.none(), st.integers(1, 300))


@st.composite
def policies(draw: st.DrawFn) -> PointsPolicy:
    """Policies of rules that round, multiply and are held down, in every way."""
    grain, mode = draw(GRAINS), draw(MODES)
    rules: list[Rule] = [
        SpendRule(
            name="spend",
            per=usd.of("3.00"),
            credit=points.of(draw(st.integers(1, 7))),
            whole=draw(st.booleans()),
            rounding=mode,
            grain=grain,
            ceilings=_limit(draw(LIMITS), "of-spend"),
        ),
        SpendRule(
            name="books",
            per=usd.of("0.70"),
            credit=points.of(1),
            whole=False,
            rounding=mode,
            grain=grain,
            lines=Category(["books"]),
        ),
        QuantityRule(name="items", credit=points.of(2), per="1.5", whole=False, rounding=mode, grain=grain),
        BonusRule(name="visit", credit=points.of(5)),
        BonusRule(name="review", on=On.ACTIVITY, activity="review", per=2, credit=points.of(10)),
        MultiplierRule(
            name="double", factor=draw(st.sampled_from(["3/2", "2", "5/7", "11/10"])), of=["spend", "items"]
        ),
        MultiplierRule(name="rounded", factor="1.3", of=["spend", "visit"], of_rounded=True),
    ]
    return PointsPolicy(
        name="base", rules=tuple(rules), ceilings=_limit(draw(LIMITS), "in-all", per_month=draw(st.booleans()))
    )


def _limit(steps: int | None, name: str, *, per_month: bool = False) -> tuple[Ceiling, ...]:
    return () if steps is None else (Ceiling(name=name, limit=points.of(steps), per=MONTH if per_month else None),)


def steps_of(fact: object) -> int:
    """The steps of an amount among the facts."""
    assert isinstance(fact, Amount)
    return fact.steps


def moved(commit: Commit, entry_id: str) -> int:
    """What an entry moved into the account; below zero where out of it."""
    (entry,) = [e for e in commit.entries if isinstance(e, Transfer) and f"{e.n}/{e.cause}" == entry_id]
    return entry.steps if entry.payee == commit.account else -entry.steps


def adds_up(commit: Commit, explanation: Explanation) -> None:
    """The parts of every entry sum to it; each part is what its rule wanted, less what a limit kept back."""
    for entry in explanation.entries:
        if not entry.parts:
            continue
        assert sum(steps_of(part.facts["granted"]) for part in entry.parts) == moved(commit, entry.entry_id)
        for part in entry.parts:
            facts = part.facts
            assert steps_of(facts["granted"]) == steps_of(facts["wanted"]) - steps_of(facts["trimmed"])
        trimmed = [part for part in entry.parts if steps_of(part.facts["trimmed"])]
        assert [t.facts["rule"] for t in entry.trims if steps_of(t.facts["trimmed"])] == [
            part.facts["rule"] for part in trimmed
        ]


def rounds_once(parts: Sequence[Item], lines: int) -> None:
    """A figure that is rounded moves less than a step for each cell: a line, a rule, or the event's."""
    for part in parts:
        exact, wanted = part.facts["exact"], steps_of(part.facts["wanted"])
        assert isinstance(exact, Figure)
        assert abs(wanted - Fraction(exact.numerator, exact.denominator)) < max(1, lines)


class TestAddsUp:
    @given(policy=policies(), events=histories(activities=("review",), rewards=("pay",)))
    def test_parts_and_limits_sum_to_the_entry(self, policy: PointsPolicy, events: tuple[Event, ...]) -> None:
        """Of every entry of a history, refunds too."""
        shop = Shop(program(policy))
        for event in events:
            commit = shop.play(event)
            adds_up(commit, explain(commit, shop.program))

    @given(policy=policies(), events=histories(activities=("review",)))
    def test_each_figure_is_rounded_once(self, policy: PointsPolicy, events: tuple[Event, ...]) -> None:
        """What is wanted lies within a step of the exact figure, or of each line's where lines are rounded."""
        shop = Shop(program(policy))
        for event in events:
            commit = shop.play(event)
            lines = len(event.lines) if isinstance(event, Purchase) else 1
            for entry in explain(commit, shop.program).entries:
                if entry.item.code == "entry.earned":
                    rounds_once(entry.parts, lines)

    @given(policy=policies(), events=histories(activities=("review",), rewards=("pay",)))
    def test_deciding_again_reproduces_it(self, policy: PointsPolicy, events: tuple[Event, ...]) -> None:
        """Facts from the commit alone; everything from the state before."""
        shop = Shop(program(policy))
        for event in events:
            commit = shop.play(event)
            alone = explain(commit, shop.program)
            assert alone.reproduced is (True if isinstance(event, Purchase | Enrolment | Activity) else None)
            whole = explain(commit, shop.program, before=shop.before, history=shop.history)
            assert whole.reproduced is True, whole.check.sentence

    @given(policy=policies(), events=histories(activities=("review",)))
    def test_every_rule_is_accounted_for(self, policy: PointsPolicy, events: tuple[Event, ...]) -> None:
        """Each rule of the terms has a part in a fact's entries, or a sentence why it has none; never both."""
        names = {rule.name for rule in policy.rules}
        shop = Shop(program(policy))
        for event in events:
            explanation = explain(shop.play(event), shop.program)
            if not isinstance(event, Purchase | Enrolment | Activity):
                assert explanation.not_applied == ()
                continue
            parts = {p.facts["rule"] for e in explanation.entries if e.item.code == "entry.earned" for p in e.parts}
            others = [item.facts["rule"] for item in explanation.not_applied]
            assert len(others) == len(set(others))
            assert parts | set(others) == names
            assert not parts & set(others)


@attrs.frozen
class Everything:
    """A caller's policy that answers with effects of every kind."""

    name: str = "everything"
    credit: int = 5

    def effects(self, occasion: object) -> list[object]:
        """One of each."""
        return [
            Credit(points.of(self.credit), rule="give"),
            Debit(points.of(2), rule="fee"),
            Debit(points.of(900), up_to=True, rule="all"),
            SetTo(amount=points.of(7), rule="seven"),
            Give(key="badge", value="gold"),
            Wake(at=AT + timedelta(days=9), name="later"),
        ]


def changed(commit: Commit, **facts: object) -> Commit:
    """The commit with its first credit changed."""
    entries = list(commit.entries)
    n = next(i for i, entry in enumerate(entries) if isinstance(entry, Transfer))
    entries[n] = attrs.evolve(entries[n], **facts)  # type: ignore[arg-type]  # whatever an entry has
    return attrs.evolve(commit, entries=tuple(entries))


class TestReproduced:
    def test_effects_of_every_kind(self) -> None:
        """Credits, debits, what is set, grants and wake-ups of a caller's policy are compared."""
        shop = Shop(program(Everything()))  # type: ignore[arg-type]  # effects of all kinds, as objects
        commit = shop.play(bought("1.00"))
        assert explain(commit, shop.program).reproduced is True

    def test_an_amount_that_was_altered_shows(self) -> None:
        """Both figures are told, by policy."""
        shop = Shop(program())
        commit = changed(shop.play(bought("10.00")), steps=11)
        explanation = explain(commit, shop.program)
        assert explanation.reproduced is False
        assert explanation.check.sentence == (
            "Deciding again gives something else: points by policy base, 10 points now and 11 points in the record."
        )

    def test_rules_that_were_altered_show(self) -> None:
        """The sums may agree while the rules do not."""
        shop = Shop(program())
        commit = shop.play(bought("10.00"))
        (entry, *_) = commit.entries
        assert isinstance(entry, Transfer)
        other = changed(commit, books=(attrs.evolve(entry.books[0], rule="gold"),))
        check = explain(other, shop.program).check
        assert "rule gold, 0 points now and 10 points in the record" in check.sentence
        rated = changed(commit, books=(attrs.evolve(entry.books[0], rate="2 points per 1.00 USD"),))
        assert explain(rated, shop.program).check.sentence == "Deciding again gives something else."

    @pytest.mark.parametrize("kind", ["GrantEntry", "WakeEntry"])
    def test_a_grant_or_wake_up_that_is_missing_shows(self, kind: str) -> None:
        """They are compared too."""
        shop = Shop(program(Everything()))  # type: ignore[arg-type]  # effects of all kinds, as objects
        commit = shop.play(bought("1.00"))
        left = attrs.evolve(commit, entries=tuple(e for e in commit.entries if type(e).__name__ != kind))
        assert explain(left, shop.program).check.facts["what"] in {"grant", "wake-up"}

    def test_another_program_shows(self) -> None:
        """Terms that were rewritten after the fact do not reproduce what others decided."""
        commit = Shop(program(Everything(credit=6))).play(bought("1.00"))  # type: ignore[arg-type]
        explanation = explain(commit, program(Everything()))  # type: ignore[arg-type]
        assert explanation.reproduced is False

    def test_terms_that_are_gone_show(self) -> None:
        """The instant of the terms that decided is told."""
        shop = Shop(program())
        commit = attrs.evolve(shop.play(bought("1.00")), terms_from=AT - timedelta(days=1))
        explanation = explain(commit, shop.program)
        assert explanation.reproduced is False
        assert "The terms of 4 March 2026 at 10:00" in explanation.check.sentence

    def test_a_policy_that_now_fails_shows(self) -> None:
        """Its error is told; the explanation of the entries stands."""
        commit = Shop(program(Everything())).play(bought("1.00"))  # type: ignore[arg-type]  # as above

        @attrs.frozen
        class Broken:
            name: str = "everything"

            def effects(self, occasion: object) -> list[Credit]:
                """Fails."""
                raise LookupError("gone")

        explanation = explain(commit, program(Broken()))
        assert explanation.reproduced is False
        assert "could not be asked again" in explanation.not_applied[0].sentence
        assert "LookupError" in explanation.check.sentence
        assert explanation.entries

    def test_the_choice_of_lots_is_decided_again_on_the_state_before(self) -> None:
        """On another state the same redemption is another one: what differs is named."""
        shop = Shop(program())
        shop.play(bought("150.00"))
        commit = shop.play(Redemption(id="r-1", member="m-1", occurred_at=AT, reward="pay"))
        assert explain(commit, shop.program, before=shop.before).reproduced is True
        other = Shop(program()).program.decide(State.of("m-1"), bought("250.00", id="o-9")).state
        assert other is not None
        explanation = explain(commit, shop.program, before=other)
        assert explanation.reproduced is False
        assert explanation.check.facts["what"] == "basis"

    def test_a_state_that_cannot_be_decided_on_is_told(self) -> None:
        """Another account's state, or a history that is not there."""
        shop = Shop(program())
        commit = shop.play(bought("5.00"))
        explanation = explain(commit, shop.program, before=State.of(Account.member("m-2")))
        assert explanation.reproduced is False
        refund = shop.play(Refund(id="f-1", member="m-1", occurred_at=AT, purchase="o-1"))
        explanation = explain(refund, shop.program, before=shop.before)
        assert explanation.reproduced is False
