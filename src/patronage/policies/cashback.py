"""CashbackPolicy: a share of what is spent, by category, brand and tender, with caps, rotation and payout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import attrs

from patronage.bands import Band
from patronage.base import Base
from patronage.conditions import AllOf, condition_or_none
from patronage.errors import InvalidValueError
from patronage.events import word
from patronage.figures import Setting
from patronage.occasions import AT_ONCE, Condition, Effect, Life, Occasion
from patronage.periods import Period
from patronage.policies.base import BoundPolicy
from patronage.policies.cashback_claims import Activated, Activation, Claim, Claimed, InTurn, Unclaimed, activation_key
from patronage.policies.cashback_rates import CashbackRate, RateBand, Rotation, Turn, rates_of
from patronage.policies.mechanisms import combined
from patronage.policies.payouts import PaidAs, Payout, payouts_of
from patronage.rules import Ceiling, Grain, Rule, SpendRule, above_zero, ceilings, name
from patronage.thresholds import Threshold
from patronage.totals import Pays, Total, TotalRate
from patronage.units import Amount, Rounding

_AMOUNT = attrs.validators.optional(above_zero)


@attrs.frozen(kw_only=True)
class CashbackPolicy:
    """
    Credits a share of what is spent in *currency*, in the unit *credits*: that money, or one with more decimals.

    Each purchase is rounded once by *rounding* at *grain*; *ceilings* hold for the sum of the rates.
    With a *period* the rates are of its whole spend instead, rounded once for the period, and *limit*
    is the most that it credits; *pays* and *pays_when* say when. *anchored_on* names the grant that
    the periods of an `Anniversary` count from. *payouts* say what becomes of what was credited; what
    is asked for is a reward (`PayWithPoints`). *life* and *label* are those of the credit.
    """

    name: str = attrs.field(converter=name)
    currency: str = attrs.field(converter=word)
    credits: str = attrs.field(converter=word)
    rates: tuple[CashbackRate, ...] = attrs.field(converter=rates_of)
    rounding: Rounding = Rounding.HALF_UP
    grain: Grain = Grain.EVENT
    ceilings: tuple[Ceiling, ...] = attrs.field(default=(), converter=ceilings)
    period: Period | None = None
    anchored_on: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    limit: Amount | None = attrs.field(default=None, validator=_AMOUNT)
    pays: Pays = Pays.AT_ONCE
    pays_when: Condition | None = attrs.field(default=None, converter=condition_or_none)
    life: Life = AT_ONCE
    label: str | None = attrs.field(default=None, converter=attrs.converters.optional(word))
    payouts: tuple[Payout, ...] = attrs.field(default=(), converter=payouts_of)

    def __attrs_post_init__(self) -> None:
        if self.pays is Pays.DECLARED:
            raise InvalidValueError("The rates of cash back are its own; one that is declared is a dividend's.")
        if self.period is None:
            for what in ("limit", "pays_when", "anchored_on"):
                if getattr(self, what) is not None:
                    raise InvalidValueError(f"{what} is of a period's total: give the period.")
            if self.pays is not Pays.AT_ONCE:
                raise InvalidValueError("What is paid at a close is a period's total: give the period.")
            return
        if self.ceilings:
            raise InvalidValueError("Of a period's total the cap is its limit; ceilings are for each purchase.")
        for rate in self.rates:
            if rate.credit_max is not None or (rate.per is not None and rate.per != self.period):
                raise InvalidValueError(
                    f"Rate {rate.name} is of a period's total: its cap is a most of that period, or the limit of all."
                )

    def bind(self, setting: Setting) -> BoundPolicy:
        """The policy ready to be asked. Raises InvalidValueError where rates, caps and units do not fit."""
        maker = _Maker(self, setting)
        own = None
        rotating = [rate for rate in self.rates if rate.rotation is not None and rate.rotation.activation is not None]
        if rotating:
            own = Activation(self.name, rotating).answer
        return combined(
            setting,
            rules=maker.rules,
            ceilings=self.ceilings,
            totals=maker.totals,
            thresholds=self._thresholds(setting),
            own=own,
        )

    def _thresholds(self, setting: Setting) -> tuple[Threshold, ...]:
        """The payouts. Where the total is paid as the payout's own period closes, it is paid on at once."""
        closes = self.period if self.pays is Pays.AT_CLOSE else None
        return tuple(
            payout.threshold(self.credits, self.label, setting, at_once=closes is not None and payout.period == closes)
            for payout in self.payouts
        )

    def effects(self, occasion: Occasion) -> Iterable[Effect]:
        """What the occasion earns, for a policy that stands alone: `Terms` binds it once instead."""
        setting = Setting(policy=self.name, units=occasion.units, calendar=occasion.calendar, refund_for=None)
        return self.bind(setting).answer(occasion, None)


class _Maker:
    """The rules and totals that the rates turn into."""

    def __init__(self, policy: CashbackPolicy, setting: Setting) -> None:
        self._policy = policy
        self._spent = setting.unit(policy.currency, "Cash back counts spend, which")
        self._credited = setting.unit(policy.credits, "Cash back")
        self.rules: list[Rule] = []
        self.totals: list[Total] = []
        of_period: list[TotalRate] = []
        claims: list[Claim] = []
        for rate in policy.rates:
            for amount in (rate.most, *(band.over for band in rate.bands)):
                if amount is not None and amount.unit != policy.currency:
                    raise InvalidValueError(f"Rate {rate.name} counts {policy.currency}: so do its caps and bands.")
            lines, when = self._conditions(rate)
            if rate.counts_back:
                self._counting_back(rate, lines, when)
                continue
            for part, part_lines, base in self._parts(rate, lines, claims):
                if policy.period is not None:
                    of_period.append(self._of_period(rate, part, part_lines, when, base))
                elif rate.rate or rate.bands:
                    self.rules.append(self._rule(rate, part, part_lines, when, base))
            if not rate.adds:
                claims.append(Claim(when, lines, rate.paid_with))
        if of_period:
            self._total(of_period)

    def _conditions(self, rate: CashbackRate) -> tuple[Condition | None, Condition | None]:
        """What asks about a line, and what about the purchase, rotation included."""
        lines, when, rotation = rate.lines, rate.when, rate.rotation
        if rotation is not None:
            lines = _both(lines, InTurn(rotation))
            if rotation.activation is not None and not rotation.counts_back:
                when = _both(when, Activated(activation_key(self._policy.name, rate.name), rotation.period))
        return lines, when

    def _parts(
        self, rate: CashbackRate, lines: Condition | None, claims: Sequence[Claim]
    ) -> list[tuple[str, Condition | None, Base]]:
        """
        What is left for a rate by those before it: lines that are theirs are not its own.

        Where one before it takes what some tenders paid, it has the rest of those lines.
        """
        base = attrs.evolve(rate.base, only_tenders=rate.paid_with)
        if rate.adds:
            return [(rate.name, lines, base)]
        whole = tuple(claim for claim in claims if not claim.tenders)
        if whole:
            lines = _both(lines, Unclaimed(whole))
        tendered = [claim for claim in claims if claim.tenders]
        if rate.paid_with:
            # What other tenders paid is none of its own; of its own it has what no earlier rate takes.
            for claim in tendered:
                if not set(claim.tenders).isdisjoint(rate.paid_with):
                    lines = _both(lines, Unclaimed((claim,)))
            return [(rate.name, lines, base)]
        always = [claim for claim in tendered if claim.lines is None and claim.when is None]
        for claim in always:
            base = _less(base, claim.tenders)
        some = [claim for claim in tendered if claim not in always]
        if not some:
            return [(rate.name, lines, base)]
        if len(some) > 1 or rate.most is not None or rate.credit_max is not None or rate.bands:
            raise InvalidValueError(
                f"Rate {rate.name} follows rates by tender that have conditions: behind more than one of them, or with "
                "caps or bands, say which lines and tenders it counts itself (lines, base)."
            )
        (claim,) = some
        rest = _both(lines, Claimed(claim))
        return [
            (rate.name, _both(lines, Unclaimed((claim,))), base),
            (f"{rate.name}-rest", rest, _less(base, claim.tenders)),
        ]

    def _rule(
        self, rate: CashbackRate, part: str, lines: Condition | None, when: Condition | None, base: Base
    ) -> SpendRule:
        """A rate of each purchase."""
        policy = self._policy
        per = self._per(rate)
        held: list[Ceiling] = []
        if rate.most is not None:
            beyond = self._credit(rate.beyond, per) if rate.beyond else None
            held.append(
                Ceiling(
                    name=f"{rate.name}-most",
                    limit=rate.most,
                    per=self._cap_period(rate),
                    of_spend=True,
                    beyond=beyond,
                    room_back=rate.room_back,
                )
            )
        if rate.credit_max is not None:
            held.append(
                Ceiling(
                    name=f"{rate.name}-max",
                    limit=rate.credit_max,
                    per=self._cap_period(rate),
                    room_back=rate.room_back,
                )
            )
        credit = self._credit(rate.rate, per)
        if not credit.steps:
            raise InvalidValueError(f"Rate {rate.name} has a share of 0 below its bands: start them with a rate.")
        return SpendRule(
            name=part,
            per=per,
            credit=credit,
            base=base,
            when=when,
            lines=lines,
            whole=False,
            bands=self._bands(rate, per),
            marginal=rate.marginal,
            rounding=policy.rounding,
            grain=policy.grain,
            life=policy.life,
            label=policy.label,
            ceilings=held,
        )

    @staticmethod
    def _cap_period(rate: CashbackRate) -> Period | None:
        return rate.per if rate.per is not None or rate.rotation is None else rate.rotation.period

    def _of_period(
        self, rate: CashbackRate, part: str, lines: Condition | None, when: Condition | None, base: Base
    ) -> TotalRate:
        """A rate of a period's spend."""
        per = self._per(rate)
        return TotalRate(
            name=part,
            per=per,
            credit=self._credit(rate.rate, per),
            base=base,
            when=when,
            lines=lines,
            bands=self._bands(rate, per),
            marginal=rate.marginal,
        )

    def _total(self, rates: Sequence[TotalRate]) -> None:
        policy = self._policy
        assert policy.period is not None
        self.totals.append(
            Total(
                name="cashback",
                period=policy.period,
                rates=rates,
                credits=policy.credits,
                pays=policy.pays,
                pays_when=policy.pays_when,
                rounding=policy.rounding,
                limit=policy.limit,
                life=policy.life,
                label=policy.label,
                anchored_on=policy.anchored_on,
            )
        )

    def _counting_back(self, rate: CashbackRate, lines: Condition | None, when: Condition | None) -> None:
        """A total of the period that rotates, which its activation pays."""
        policy, rotation = self._policy, rate.rotation
        assert rotation is not None
        base = attrs.evolve(rate.base, only_tenders=rate.paid_with)
        self.totals.append(
            Total(
                name=rate.name,
                period=rotation.period,
                rates=[self._of_period(rate, rate.name, lines, when, base)],
                credits=policy.credits,
                activated_by=activation_key(policy.name, rate.name),
                rounding=policy.rounding,
                life=policy.life,
                label=policy.label,
            )
        )

    def _bands(self, rate: CashbackRate, per: Amount) -> tuple[Band, ...]:
        """Its bands; a cap of a period's total is one too."""
        bands = rate.bands
        if rate.most is not None and (self._policy.period is not None or rate.counts_back):
            bands = (RateBand(over=rate.most, rate=rate.beyond),)
        return tuple(Band(over=band.over, credit=self._credit(band.rate, per)) for band in bands)

    def _per(self, rate: CashbackRate) -> Amount:
        """The least power of ten of the money whose shares are whole steps; else the product of their denominators."""
        shares = [rate.rate, rate.beyond, *(band.rate for band in rate.bands)]
        one = self._spent.of(1)
        for power in range(13):
            if all((share * 10 ** (power + self._credited.decimals)).denominator == 1 for share in shares):
                return Amount(one.steps * 10**power, one.unit)
        product = 1
        for each in shares:
            product *= each.denominator
        return Amount(one.steps * product, one.unit)

    def _credit(self, rate: Fraction, per: Amount) -> Amount:
        """The share of *per*, exactly."""
        steps = rate * per.steps * Fraction(10**self._credited.decimals, 10**self._spent.decimals)
        assert steps.denominator == 1
        return Amount(steps.numerator, self._credited.code)


def _both(one: Condition | None, other: Condition) -> Condition:
    return other if one is None else AllOf([one, other])


def _less(base: Base, tenders: Sequence[str]) -> Base:
    """The base without what *tenders* paid."""
    return attrs.evolve(base, less_tenders=(*base.less_tenders, *tenders))


__all__ = ["CashbackPolicy", "CashbackRate", "PaidAs", "Payout", "RateBand", "Rotation", "Turn", "activation_key"]
