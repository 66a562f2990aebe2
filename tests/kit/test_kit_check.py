"""`check_policy` finds each way in which a policy can break the rules, and says so in a plain sentence."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import attrs
import pytest

from patronage import (
    Amount,
    Credit,
    Debit,
    Effect,
    Give,
    Line,
    Occasion,
    PatronageError,
    PointsPolicy,
    Purchase,
    Refund,
    SetTo,
    SpendRule,
)
from patronage.codec import Codec
from patronage.testing import PolicyCheckError, check_policy, kit, occasion, purchase
from patronage.testing.kit import POINTS, USD

calls: Iterator[int] = count()
EVENTS = (purchase(), purchase("0.00", id="free"))


@attrs.frozen
class Fine:
    """Ten points for a purchase in which something was paid, and a badge."""

    name: str = "fine"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What a visit gives."""
        if occasion.purchase is not None and occasion.purchase.total:
            yield Credit(POINTS.of(10))
            yield Give(key="badge")


@attrs.frozen
class Says:
    """Answers with whatever *answer* gives."""

    answer: Callable[[], Any]
    name: str = "says"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """The one answer."""
        return [self.answer()]


@attrs.frozen
class Noisy(Fine):
    """Prints when it is asked."""

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """As the fine one."""
        print("asked")
        return super().effects(occasion)


@attrs.define(hash=True)
class OneField:
    """Hashes, and can be changed."""

    name: str = "one-field"
    factor: int = 2

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """Nothing."""
        return ()


class Mutable(OneField):
    """Is no attrs class."""


@attrs.frozen
class Holds(OneField):
    """Holds what it should not."""

    what: Any = None


@attrs.frozen
class Reads(Fine):
    """Declares what it reads in words of its own."""

    reads: tuple[str, ...] = ("points",)


@dataclass(frozen=True)
class Data:
    """A dataclass."""

    name: str = "data"

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """Nothing."""
        return ()


def by_hash() -> Credit:
    """Differs from process to process."""
    return Credit(POINTS.of(1 + hash("a text") % 1_000_000))


def raises() -> Credit:
    """Fails."""
    raise LookupError("no such shelf")


def no_amount() -> SetTo:
    """An effect whose amount was changed behind its back."""
    effect = SetTo(amount=POINTS.of(1))
    object.__setattr__(effect, "amount", 1.5)
    return effect


BROKEN = [
    (Says(lambda: Credit(POINTS.of(1 + next(calls)))), r"answered Purchase 'o-1' in two ways"),
    (Says(lambda: 10), r"with 10: give Credit"),
    (
        Says(lambda: Credit(10.0)),  # type: ignore[arg-type]  # that is what must be found
        r"raised InvalidValueError on Purchase 'o-1': A credit must be an amount above 0, not 10\.0",
    ),
    (Says(no_amount), r"an amount of 1\.5 \(float\): an amount is an Amount"),
    (Says(lambda: Credit(Amount(1, "miles"))), r"with 'miles', which is none of its units: USD, points"),
    (Says(raises), r"raised LookupError on Purchase 'o-1': no such shelf"),
    (Says(by_hash), r"otherwise in another process, .*put sets in an order"),
    (Mutable(), r"its factor can be set: make it a frozen attrs class"),
    (OneField(), r"its factor can be set"),
    (Holds(what=[]), r"it is not hashable \(unhashable type: 'list'\)"),
    (Reads(), r"terms do not take it: "),
    (Fine(name="no name"), r"terms do not take it: A name must be"),
]


class TestCheckPolicy:
    def test_a_good_policy_passes(self) -> None:
        """It reports how many answers it compared, and that nothing was left out."""
        report = check_policy(Fine(), EVENTS)
        assert report.answers == 2
        assert report.skipped == ()

    def test_the_librarys_own_policy_passes(self) -> None:
        """A PointsPolicy keeps the rules, the codec included."""
        rule = SpendRule(per=USD.of(1), credit=POINTS.of(1))
        assert check_policy(PointsPolicy(name="base", rules=(rule,)), EVENTS, codec=Codec()).skipped == ()

    @pytest.mark.parametrize(("policy", "sentence"), BROKEN, ids=[str(n) for n in range(len(BROKEN))])
    def test_a_broken_policy_is_found(self, policy: Any, sentence: str) -> None:
        """Each rule that is broken gives an error that names the policy and says what to do."""
        with pytest.raises(PolicyCheckError, match=sentence) as caught:
            check_policy(policy, EVENTS)
        assert re.match(r"Policy '[^']+': ", str(caught.value))

    def test_an_attempt_to_set_changes_nothing(self) -> None:
        """The policy that could be set still has what it had."""
        policy = OneField()
        with pytest.raises(PolicyCheckError):
            check_policy(policy, EVENTS)
        assert policy == OneField()

    def test_what_stays_after_a_full_refund_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Were a refund to leave something, the check would name the units."""
        monkeypatch.setattr(kit, "Refund", lambda **facts: purchase("1.00", id="o-2"))
        with pytest.raises(PolicyCheckError, match=r"when all of purchase 'o-1' is refunded, badge, points are not"):
            check_policy(Fine(), EVENTS)

    def test_what_an_empty_basket_gives_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Were the empty basket to earn, the check would say so."""
        real = Purchase
        monkeypatch.setattr(
            kit, "Purchase", lambda lines, **facts: real(lines=lines or (Line(total=USD.of(1)),), **facts)
        )
        monkeypatch.setattr(kit, "_is_empty", lambda event: True)
        with pytest.raises(PolicyCheckError, match="gives something for a purchase without lines"):
            check_policy(Fine(), ())

    def test_what_takes_points_comes_back_too(self) -> None:
        """A policy that debits is settled by the refund as well: no debt is left."""
        check_policy(Says(lambda: Debit(POINTS.of(5))), EVENTS)

    def test_a_policy_that_cannot_be_imported_is_told(self) -> None:
        """For a class of a function the other hash seeds are left out, and the report says so."""

        @attrs.frozen
        class Local(Fine):
            """No other process can import it."""

        (skipped,) = check_policy(Local(), EVENTS).skipped
        assert skipped.startswith("Other hash seeds were not tried, for the policy cannot be sent")

    def test_another_process_that_fails_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the other process ends badly, or cannot start, its last line is in the report."""
        monkeypatch.setattr(sys, "path", [])
        (skipped,) = check_policy(Fine(), EVENTS).skipped
        assert "another process could not ask the policy: ModuleNotFoundError" in skipped

        def late(*args: object, **options: object) -> None:
            raise subprocess.TimeoutExpired("python", 60)

        monkeypatch.setattr(subprocess, "run", late)
        assert "timed out" in check_policy(Fine(), EVENTS).skipped[0]

    def test_a_process_that_ends_without_a_word_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the code it ended with."""
        monkeypatch.setattr(subprocess, "run", lambda *args, **options: subprocess.CompletedProcess("", 9, b"", b""))
        assert check_policy(Fine(), EVENTS).skipped[0].endswith("it ended with 9")

    def test_a_refund_that_cannot_be_decided_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The program's own error is in the sentence."""
        refund = Refund
        monkeypatch.setattr(kit, "Refund", lambda **facts: refund(**{**facts, "purchase": "o-9"}))
        with pytest.raises(PolicyCheckError, match=r"purchase 'o-1' and its refund could not be decided: Refused"):
            check_policy(Fine(), EVENTS)

    def test_a_frozen_dataclass_passes(self) -> None:
        """It need be no attrs class."""
        assert check_policy(Data(), EVENTS).skipped == ()

    def test_a_policy_may_print(self) -> None:
        """What a policy prints does not disturb what the other process tells."""
        assert check_policy(Noisy(), EVENTS).skipped == ()

    def test_a_policy_that_the_codec_does_not_know_is_found(self) -> None:
        """The sentence says how to register it."""
        with pytest.raises(PolicyCheckError, match=r"codec\.register\(Fine, tag='shop\.fine', of=Policy\)"):
            check_policy(Fine(), EVENTS, codec=Codec())

    @pytest.mark.parametrize(
        ("back", "sentence"), [(Fine(name="other"), "not equal to"), (Fine(), "two equal policies in two ways")]
    )
    def test_a_codec_that_loses_something_is_found(self, back: Fine, sentence: str) -> None:
        """What is read back is equal, and is written alike."""
        documents = count()

        class Loses:
            """Gives back something else."""

            def dump(self, value: object) -> str:
                """Never the same."""
                return str(next(documents))

            def load(self, document: str, cls: Any) -> Any:
                """What the test says."""
                return back

        with pytest.raises(PolicyCheckError, match=sentence):
            check_policy(Fine(), EVENTS, codec=Loses())

    def test_the_error_is_the_librarys_and_an_assertion(self) -> None:
        """A test runner shows it as a failure; `except PatronageError` catches it; it survives pickling."""
        error = PolicyCheckError("fine", "it is not.")
        assert isinstance(error, PatronageError)
        assert isinstance(error, AssertionError)
        assert str(pickle.loads(pickle.dumps(error))) == "Policy 'fine': it is not."


def test_events_that_policies_are_never_shown_are_passed_over() -> None:
    """A history may hold refunds and redemptions: policies are not asked about them, nor about empty baskets."""
    empty = purchase(id="none", lines=())
    assert check_policy(Fine(), [empty]).answers == 0
    assert occasion(empty).lines == ()
