"""Amounts: whole steps of a unit, added and compared only with their own kind."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from patronage import (
    Amount,
    AmountOverflowError,
    InvalidValueError,
    PatronageError,
    Unit,
    UnitKind,
    UnitMismatchError,
    currency,
)
from patronage.units import DIGITS_MAX, STEPS_LIMIT, exact, parse_amount, plain_decimal

USD, JPY, KWD, POINTS = currency("USD"), currency("JPY"), currency("KWD"), Unit("points")


@pytest.mark.parametrize(
    ("unit", "value", "steps"),
    [
        (USD, "19.99", 1999),
        (USD, "19.9", 1990),
        (USD, "19.990", 1999),
        (USD, 20, 2000),
        (USD, Decimal("0.01"), 1),
        (USD, "-5.00", -500),
        (USD, Decimal("1E+2"), 10000),
        (USD, "007", 700),
        (JPY, 150, 150),
        (KWD, "1.234", 1234),
        (POINTS, 120, 120),
        (POINTS, "120.0", 120),
        (POINTS, 0, 0),
    ],
)
def test_an_amount_is_stated_in_whole_units(unit: Unit, value: int | str | Decimal, steps: int) -> None:
    """`usd.of("19.99")` is 1,999 cents, from an int, a str or a Decimal, exactly."""
    assert unit.of(value) == Amount(steps, unit.code)


def test_an_amount_is_stated_in_steps() -> None:
    """`usd.steps(1999)` is the same amount as `usd.of("19.99")`."""
    assert USD.steps(1999) == USD.of("19.99")


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1.0,
        True,
        None,
        b"1",
        "",
        " 1",
        "1 ",
        "1.",
        ".5",
        "+1",
        "--1",
        "1e2",
        "1_000",
        "1,000",
        "0x10",
        "NaN",
        "Infinity",
        "\N{FULLWIDTH DIGIT ONE}",
        "\N{ARABIC-INDIC DIGIT FIVE}",
        "1\n",
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        "9" * (DIGITS_MAX + 3),
        10**DIGITS_MAX,
        -(10**DIGITS_MAX),
        Decimal("1E+31"),
        Decimal("1E-70"),
        Decimal("1E+999999"),
        "\ud800",
        [1],
    ],
)
def test_what_is_no_plain_number_is_refused(value: Any) -> None:
    """Floats, bools, NaN, infinities, exponents, blanks, other scripts' digits and too many digits are no number."""
    with pytest.raises(InvalidValueError):
        exact(value)
    with pytest.raises(InvalidValueError):
        USD.of(value)


def test_a_fraction_is_a_number_but_no_amount() -> None:
    """A third is exact, but nothing that a price tag says."""
    assert exact(Fraction(1, 3)) == Fraction(1, 3)
    with pytest.raises(InvalidValueError, match="int, a str or a Decimal"):
        USD.of(Fraction(1, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unit", "value"), [(USD, "0.001"), (JPY, "1.5"), (POINTS, Decimal("0.5")), (KWD, "0.0001"), (USD, "-0.005")]
)
def test_more_decimals_than_the_unit_are_refused(unit: Unit, value: str | Decimal) -> None:
    """A tenth of a cent is not rounded away in silence."""
    with pytest.raises(InvalidValueError, match="cannot be stated in whole steps"):
        unit.of(value)


@pytest.mark.parametrize("steps", [1.0, True, "5", None, Decimal(5)])
def test_steps_are_whole_numbers(steps: Any) -> None:
    """Steps are an int: a float, a bool, a text are refused."""
    with pytest.raises(InvalidValueError, match="Steps must be a whole number"):
        USD.steps(steps)


@pytest.mark.parametrize("unit", ["", None, 5])
def test_an_amount_names_its_unit(unit: Any) -> None:
    """An amount without a unit's code is none."""
    with pytest.raises(InvalidValueError, match="named by its code"):
        Amount(1, unit)


@pytest.mark.parametrize("steps", [STEPS_LIMIT, -STEPS_LIMIT, STEPS_LIMIT * 2])
def test_an_amount_keeps_below_63_bits(steps: int) -> None:
    """2**63 steps do not fit in any database's integer, so they are no amount."""
    with pytest.raises(AmountOverflowError) as caught:
        POINTS.steps(steps)
    assert caught.value.steps == steps
    assert "2**63" in str(caught.value)


def test_the_largest_amounts_fit() -> None:
    """One step less than 2**63 fits, above and below zero."""
    assert POINTS.steps(STEPS_LIMIT - 1).steps == 2**63 - 1
    assert POINTS.steps(1 - STEPS_LIMIT).steps == 1 - 2**63


def test_a_sum_that_leaves_the_range_is_refused() -> None:
    """Adding never wraps around."""
    with pytest.raises(AmountOverflowError):
        POINTS.steps(STEPS_LIMIT - 1) + POINTS.of(1)
    with pytest.raises(AmountOverflowError):
        POINTS.steps(1 - STEPS_LIMIT) - POINTS.of(1)


def test_amounts_of_one_unit_add_subtract_and_turn() -> None:
    """Amounts add up like their steps."""
    assert USD.of("1.50") + USD.of("0.75") == USD.of("2.25")
    assert USD.of("1.50") - USD.of("2.00") == USD.of("-0.50")
    assert -USD.of(1) == USD.of(-1)
    assert sum([USD.of(1), USD.of(2)], USD.of(0)) == USD.of(3)
    assert sum([USD.of(1), USD.of(2)]) == USD.of(3)


def test_amounts_of_one_unit_are_ordered() -> None:
    """Amounts compare like their steps."""
    one, two = USD.of(1), USD.of(2)
    assert one < two
    assert one <= two
    assert two > one
    assert two >= one
    assert one <= USD.of(1) <= one
    assert max(one, two) == two
    assert min(two, one) == one
    assert sorted([two, one]) == [one, two]


def test_an_amount_is_true_where_it_is_not_zero() -> None:
    """Zero is false, everything else true, also a debt."""
    assert not USD.of(0)
    assert USD.of("0.01")
    assert USD.of("-0.01")


def test_two_units_are_never_mixed() -> None:
    """Adding, subtracting, comparing or summing two units names both of them."""
    usd, points = USD.of(1), POINTS.of(1)
    with pytest.raises(UnitMismatchError) as caught:
        usd + points
    assert (caught.value.left, caught.value.right) == ("USD", "points")
    assert "'USD'" in str(caught.value)
    for mixed in (
        lambda: usd - points,
        lambda: usd < points,
        lambda: usd <= points,
        lambda: usd > points,
        lambda: usd >= points,
        lambda: sum([usd, points]),
        lambda: max(usd, points),
        lambda: min(usd, points),
        lambda: sorted([usd, points]),
    ):
        with pytest.raises(UnitMismatchError):
            mixed()
    assert usd != points


@pytest.mark.parametrize("other", [1, 1.5, "1", None, Decimal(1), 0.0])
def test_an_amount_and_a_number_do_not_mix(other: Any) -> None:
    """An amount plus a number is a TypeError, whichever stands first; only the 0 that sum() starts from is taken."""
    amount: Any = USD.of(1)
    mixes: list[Callable[[], object]] = [
        lambda: amount + other,
        lambda: other + amount,
        lambda: amount - other,
        lambda: other - amount,
        lambda: amount < other,
        lambda: amount <= other,
        lambda: amount > other,
        lambda: amount >= other,
        lambda: amount * other,
    ]
    for mixed in mixes:
        with pytest.raises(TypeError):
            mixed()
    assert amount != other


def test_equal_amounts_are_equal_hash_alike_and_survive_pickling() -> None:
    """An amount is a value."""
    amount = USD.of("19.99")
    assert hash(amount) == hash(USD.steps(1999))
    assert pickle.loads(pickle.dumps(amount)) == amount


def test_a_units_amount_is_written_for_people() -> None:
    """Amounts are written with all the decimals of their unit."""
    assert USD.text(USD.of("19.9")) == "19.90 USD"
    assert USD.text(USD.of("-0.05")) == "-0.05 USD"
    assert POINTS.text(POINTS.of(-3)) == "-3 points"
    assert KWD.digits(5) == "0.005"
    with pytest.raises(UnitMismatchError):
        USD.text(POINTS.of(1))


@pytest.mark.parametrize(
    "code", ["", "1st", "_x", "a b", "a" * 33, "p\N{LATIN SMALL LETTER O WITH DIAERESIS}", None, 5]
)
def test_a_units_code_is_short_ascii(code: Any) -> None:
    """A code is 1 to 32 ASCII letters, digits, - or _, a letter first."""
    with pytest.raises(InvalidValueError, match="A unit's code"):
        Unit(code)


@pytest.mark.parametrize("decimals", [-1, 13, 1.0, True, "2", None])
def test_a_units_decimals_are_0_to_12(decimals: Any) -> None:
    """The smallest step has at most 12 decimals."""
    with pytest.raises(InvalidValueError, match="decimals"):
        Unit("x", decimals=decimals)


def test_a_units_kind_is_a_unit_kind() -> None:
    """The kind is a member of UnitKind, never its text."""
    kind: Any = "tally"
    with pytest.raises(InvalidValueError):
        Unit("x", kind=kind)
    assert Unit("x", decimals=12).of("0.000000000001").steps == 1


@pytest.mark.parametrize("code", ["usd", "ZZZ", "", "points", "US", None, 840])
def test_a_currency_is_in_the_standard(code: Any) -> None:
    """A code that ISO 4217 does not list is a Unit of one's own, not a currency."""
    with pytest.raises(InvalidValueError, match="ISO 4217"):
        currency(code)


def test_a_currency_has_the_standards_decimals_and_may_be_of_any_kind() -> None:
    """USD has 2 decimals, JPY none, KWD 3; qualifying spend may be counted in dollars."""
    assert [unit.decimals for unit in (USD, JPY, KWD)] == [2, 0, 3]
    assert currency("USD", kind=UnitKind.QUALIFYING).kind is UnitKind.QUALIFYING


DECIMALS = {"USD": 2, "points": 0}


def test_an_amount_is_read_as_people_write_it() -> None:
    """A number, a blank, a code."""
    assert parse_amount("19.99 USD", DECIMALS.get) == USD.of("19.99")
    assert parse_amount("-20 points", DECIMALS.get) == POINTS.of(-20)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("19.99", "a number, a blank and a unit"),
        ("19.99USD", "a number, a blank and a unit"),
        ("19.99  USD", "a number, a blank and a unit"),
        (" 19.99 USD", "a number, a blank and a unit"),
        ("19.99 USD\n", "a number, a blank and a unit"),
        ("1e3 USD", "a number, a blank and a unit"),
        ("1.5 stars", "No unit is called 'stars'"),
        ("1.005 USD", "2 decimals"),
        ("1.5 points", "0 decimals"),
        ("9" * 40 + " USD", "plain digits"),
    ],
)
def test_a_text_that_is_no_amount_says_why(text: str, says: str) -> None:
    """What cannot be read says what is wrong with it."""
    with pytest.raises(InvalidValueError, match=says):
        parse_amount(text, DECIMALS.get)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.50", "1.5"),
        ("2.000", "2"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.10"), "0.1"),
        (7, "7"),
        ("007", "7"),
        ("0.5", "0.5"),
        ("-0.50", "-0.5"),
        ("-3", "-3"),
        ("0.000", "0"),
        ("-0", "0"),
        (Decimal("-0.0"), "0"),
        (0, "0"),
    ],
)
def test_equal_decimals_print_alike(value: int | str | Decimal, text: str) -> None:
    """1.5, 1.50 and 01.5 are one number with one way to write it."""
    assert str(plain_decimal(value)) == text
    assert plain_decimal(value) == Decimal(text)


@pytest.mark.parametrize("value", [1.5, True, "1e3", Decimal("NaN"), "x", None])
def test_a_decimal_is_as_strict_as_a_number(value: Any) -> None:
    """Quantities and measures take what amounts take."""
    with pytest.raises(InvalidValueError):
        plain_decimal(value)


def test_a_long_value_is_quoted_short_and_escaped() -> None:
    """An error names what was given, cut to 80 characters, so that a log stays a line."""
    with pytest.raises(InvalidValueError) as caught:
        USD.of("x\n" * 500)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_error_of_a_value_is_a_value_error_of_ours() -> None:
    """A caller may catch the library's root, or Python's own kind."""
    assert issubclass(InvalidValueError, PatronageError)
    assert issubclass(InvalidValueError, ValueError)
    assert issubclass(UnitMismatchError, TypeError)
    assert issubclass(AmountOverflowError, OverflowError)
