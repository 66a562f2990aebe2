"""Codes that a person types, codes that nobody guesses, phone numbers."""

from __future__ import annotations

import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage import InvalidValueError
from patronage.codes import ALPHABET, LENGTH_MAX, code, grouped
from patronage.phone import phone_number
from patronage.secret_codes import UNAMBIGUOUS, new_code

# What eyes, fonts and handwriting take for one another; a code that is drawn has at most one of each.
SURELY_ALIKE = ("0O", "1IL", "2Z", "5S", "8B", "6G", "UV", "EF")


class TestNormalForm:
    """One code, one spelling."""

    @pytest.mark.parametrize("typed", ["3479C-DFHJK", "3479c-dfhjk", "3479CDFHJK", "3479C DFHJK", "34-79-CD-FH-JK"])
    def test_one_code_has_one_form(self, typed: str) -> None:
        """Small letters, hyphens and blanks between groups make no other code."""
        assert code(typed) == "3479CDFHJK"

    @given(st.text(alphabet=ALPHABET + ALPHABET.lower() + "- ", min_size=1, max_size=LENGTH_MAX))
    def test_done_twice_it_changes_nothing(self, typed: str) -> None:
        """The normal form of a normal form is that."""
        try:
            normal = code(typed)
        except InvalidValueError:
            return
        assert code(normal) == normal
        assert code(grouped(normal)) == normal
        assert set(normal) <= set(ALPHABET)

    @pytest.mark.parametrize(("letter", "like"), [("I", "1"), ("l", "1"), ("O", "0"), ("o", "0"), ("u", "V")])
    def test_what_looks_like_another_is_refused(self, letter: str, like: str) -> None:
        """It is not mapped, for then two spellings would be one code; what it may have been is said."""
        with pytest.raises(InvalidValueError, match=f"it may be {like}"):
            code(f"AB{letter}C")

    @pytest.mark.parametrize("typed", ["", " ", "-", "A--B", "-A", "A-", " A", "A ", "A\tB", "A_B", "A\n", "A" * 65, 7])
    def test_anything_else_is_refused(self, typed: str) -> None:
        """Nothing is trimmed, folded or cut."""
        with pytest.raises(InvalidValueError):
            code(typed)

    @pytest.mark.parametrize("typed", ["\u0410\u0412", "\uff21", "\u0661", "A\u200b"])
    def test_what_only_looks_like_ascii_is_refused(self, typed: str) -> None:
        """Cyrillic, full width, other digits, what nobody sees."""
        with pytest.raises(InvalidValueError):
            code(typed)

    @pytest.mark.parametrize("letter", sorted(set(string.printable) - set(ALPHABET + ALPHABET.lower() + "- ")))
    def test_no_other_character_is_taken(self, letter: str) -> None:
        """Of all of ASCII only the alphabet, in both cases."""
        with pytest.raises(InvalidValueError):
            code(f"A{letter}B")

    def test_groups_have_a_size(self) -> None:
        """It is at least one."""
        assert grouped("ABCDEFG", size=3) == "ABC-DEF-G"
        with pytest.raises(InvalidValueError):
            grouped("ABC", size=0)


class TestNewCodes:
    """Codes that nobody guesses."""

    def test_a_new_code_has_eighty_bits(self) -> None:
        """Nineteen characters of twenty kinds, in the normal form."""
        made = new_code()
        assert code(made) == made
        assert len(UNAMBIGUOUS) ** len(made) >= 1 << 80

    def test_no_two_new_codes_look_alike(self) -> None:
        """Of what is surely taken for one another the alphabet has one at most."""
        assert set(UNAMBIGUOUS) <= set(ALPHABET)
        assert [pair for pair in SURELY_ALIKE if len(set(pair) & set(UNAMBIGUOUS)) > 1] == []

    def test_new_codes_differ(self) -> None:
        """A thousand are a thousand, and every character is used about as often as the others."""
        made = [new_code() for _ in range(1000)]
        assert len(set(made)) == 1000
        often = Counter("".join(made))
        assert set(often) == set(UNAMBIGUOUS)
        assert max(often.values()) < 2 * min(often.values())

    @pytest.mark.parametrize("bits", [19, 257, True, 80.0, "80"])
    def test_chance_has_bounds(self, bits: int) -> None:
        """Too little is no secret."""
        with pytest.raises(InvalidValueError):
            new_code(bits=bits)

    def test_less_is_shorter(self) -> None:
        """A code to tell a friend need not be worth anything."""
        assert len(new_code(bits=40)) < len(new_code())


class TestPhoneNumbers:
    """One number, one spelling: E.164."""

    @pytest.mark.parametrize("typed", ["+49 30 12345678", "+493012345678", "+49 (30) 1234-5678", "+49 (0) 30 12345678"])
    def test_a_number_has_one_form(self, typed: str) -> None:
        """However it is written."""
        assert phone_number(typed) == "+493012345678"
        assert phone_number(phone_number(typed)) == "+493012345678"

    def test_a_region_says_where_it_is_dialled(self) -> None:
        """A number without a country code is a number of somewhere."""
        assert phone_number("030 12345678", region="DE") == "+493012345678"
        assert phone_number("(212) 555-2368", region="US") == "+12125552368"
        with pytest.raises(InvalidValueError, match="country code"):
            phone_number("030 12345678")

    @pytest.mark.parametrize(
        "typed", ["", "hello", "+49", "+1 212 555 2368 ext. 5", "+49 30 1234567a", "+999 123456789"]
    )
    def test_anything_else_is_refused(self, typed: str) -> None:
        """No number, an extension, letters, other digits."""
        with pytest.raises(InvalidValueError):
            phone_number(typed, region="US")

    def test_a_region_is_a_country(self) -> None:
        """As two capital letters."""
        with pytest.raises(InvalidValueError):
            phone_number("030 12345678", region="Germany")

    @pytest.mark.parametrize("typed", ["1-800-FLOWERS", "\u0661\u0662\u0663", "+" * 65, 7])
    def test_letters_and_other_digits_are_refused(self, typed: str) -> None:
        """Nor is anything longer than a number can be."""
        with pytest.raises(InvalidValueError):
            phone_number(typed, region="US")
