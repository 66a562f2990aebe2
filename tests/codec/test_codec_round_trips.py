"""Programs, events, entries, commits and states survive a round trip unchanged; equal values give equal bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import strategies as s
from patronage import Amount, Commit, Event, Line, Lot, Program, Purchase, State
from patronage.codec import Codec
from patronage.codec._shapes import TAGS
from patronage.conditions import Category
from patronage.events import MADE
from patronage.ledger import Entry
from patronage.rewards import CartGift, Reward

CODEC = Codec()
INSTANT = datetime(2024, 5, 8, 12, 30, tzinfo=UTC)


def check_round_trip(value: Any, cls: Any) -> None:
    """The value comes back equal and of the same class, and is written to the same bytes again."""
    text = CODEC.dump(value)
    again = CODEC.load(text, cls)
    assert again == value
    assert type(again) is type(value)
    assert CODEC.dump(again) == text
    assert CODEC.load(CODEC.dump_bytes(value), cls) == value
    assert CODEC.structure(CODEC.unstructure(value), cls) == value
    assert json.loads(text) == CODEC.unstructure(value)


class TestRoundTrips:
    """Programs, events, entries, commits, states survive a round trip through JSON unchanged, written in full."""

    @pytest.mark.parametrize("kind", sorted(s.by_type))
    @given(data=st.data())
    def test_events(self, kind: str, data: st.DataObject) -> None:
        """Each kind of event comes back as it was, asked for by its own class or as any event."""
        event = data.draw(s.by_type[kind])
        check_round_trip(event, type(event))
        assert CODEC.unstructure(event)["type"] == kind
        if not isinstance(event, MADE):
            check_round_trip(event, Event)

    @given(steps=s.steps, unit=s.names)
    def test_amounts(self, steps: int, unit: str) -> None:
        """An amount is its whole steps and its unit, to the last of 63 bits."""
        check_round_trip(Amount(steps, unit), Amount)
        assert CODEC.unstructure(Amount(steps, unit)) == {"steps": steps, "unit": unit}

    @given(lot=s.lots)
    def test_lots(self, lot: Lot) -> None:
        """A lot comes back with its validity, source and age."""
        check_round_trip(lot, Lot)

    @given(entry=s.entries)
    def test_entries(self, entry: Entry) -> None:
        """An entry comes back as it was, asked for by its own class or as any entry."""
        check_round_trip(entry, type(entry))
        check_round_trip(entry, Entry)

    @given(commit=s.commits)
    def test_commits(self, commit: Commit) -> None:
        """A commit comes back with its event, basis, entries and benefits; the state after it is not written."""
        check_round_trip(commit, Commit)
        assert CODEC.dump(attrs.evolve(commit, after=State.of("m-1"))) == CODEC.dump(commit)

    @given(state=s.states)
    def test_states(self, state: State) -> None:
        """A state comes back with its lots, grants and wake-ups."""
        check_round_trip(state, State)

    @given(program=s.programs())
    def test_programs(self, program: Program) -> None:
        """A program comes back with the whole timeline of its terms."""
        check_round_trip(program, Program)

    @pytest.mark.parametrize("kind", sorted(s.rewards_by_type))
    @given(data=st.data())
    def test_rewards(self, kind: str, data: st.DataObject) -> None:
        """Each kind of reward comes back as it was, asked for by its own class or as any reward."""
        reward = data.draw(s.rewards_by_type[kind])
        check_round_trip(reward, type(reward))
        check_round_trip(reward, Reward)
        assert CODEC.unstructure(reward)["type"] == kind

    @pytest.mark.parametrize("kind", sorted(s.gifts_by_type))
    @given(data=st.data())
    def test_what_is_given_on_a_cart(self, kind: str, data: st.DataObject) -> None:
        """Discounts on lines and on units, shipping, and what is given on top."""
        gift = data.draw(s.gifts_by_type[kind])
        check_round_trip(gift, CartGift)
        assert CODEC.unstructure(gift)["type"] == kind

    def test_no_reward_is_left_out(self) -> None:
        """Every reward and every gift on a cart that the codec knows is drawn above."""
        assert set(s.rewards_by_type) == set(TAGS[Reward])
        assert set(s.gifts_by_type) == set(TAGS[CartGift])

    @given(condition=s.conditions)
    def test_conditions(self, condition: Any) -> None:
        """Conditions come back, however they are combined."""
        check_round_trip(condition, type(condition))

    @given(period=s.periods, term=s.terms_of_time())
    def test_terms_of_time_and_periods(self, period: Any, term: Any) -> None:
        """Terms of time and periods come back."""
        check_round_trip(period, type(period))
        check_round_trip(term, type(term))


class TestCanonicalForm:
    """Equal values give equal bytes."""

    def test_the_form(self) -> None:
        """Keys are sorted, nothing is blank, no character is escaped that need not be, defaults are written."""
        line = Line(total=Amount(1, "USD"), sku='é"☃')
        assert CODEC.dump(line) == (
            '{"attributes":{},"brand":null,"category":null,"discounts":[],"id":null,"kind":"goods","measures":{},'
            '"quantity":"1","sku":"é\\"☃","tags":[],"tax":null,"total":{"steps":1,"unit":"USD"}}'
        )

    @pytest.mark.parametrize(("one", "other"), s.DECIMALS_ALIKE)
    def test_quantities(self, one: str, other: str) -> None:
        """A quantity of 1.0 is one of 1.00."""
        left, right = (Line(total=Amount(1, "USD"), quantity=text, measures={"km": text}) for text in (one, other))
        assert left == right
        assert CODEC.dump(left) == CODEC.dump(right)

    @given(at=s.instants, hours=st.integers(-12, 14))
    def test_instants(self, at: datetime, hours: int) -> None:
        """An instant is the same in every offset."""
        one = Purchase(id="o", member="m", occurred_at=at, lines=())
        other = Purchase(id="o", member="m", occurred_at=at.astimezone(timezone(timedelta(hours=hours))), lines=())
        assert one == other
        assert CODEC.dump(one) == CODEC.dump(other)

    @given(facts=s.attributes, data=st.data())
    def test_order_of_keys(self, facts: dict[str, Any], data: st.DataObject) -> None:
        """A mapping is the same in every order of its keys, in a value and in a document."""
        shuffled = dict(data.draw(st.permutations(list(facts.items()))))
        one, other = (
            Purchase(id="o", member="m", occurred_at=INSTANT, lines=(), attributes=found) for found in (facts, shuffled)
        )
        assert CODEC.dump(one) == CODEC.dump(other)
        tree = CODEC.unstructure(one)
        mixed = dict(data.draw(st.permutations(list(tree.items()))))
        assert CODEC.dump(CODEC.load(json.dumps(mixed), Purchase)) == CODEC.dump(one)

    @given(members=st.lists(s.ids, min_size=1, max_size=4, unique=True))
    def test_sets(self, members: list[str]) -> None:
        """A set is the same in every order."""
        assert CODEC.dump(Category(members)) == CODEC.dump(Category(members[::-1]))

    def test_defaults_may_be_left_out(self) -> None:
        """What has a default may be missing; what is written in full is the same value."""
        document = '{"id":"o","member":"m","occurred_at":"2024-05-08T12:30Z","lines":[]}'
        assert CODEC.load(document, Purchase) == Purchase(id="o", member="m", occurred_at=INSTANT, lines=())
