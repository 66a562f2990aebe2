"""Rules of rights: what a GrantRule gives and a RevokeRule ends, and what neither can mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from unit_shop import POINTS, STARS, Member, kinds, program_of

from patronage import ChallengePolicy, InvalidValueError, On
from patronage.challenges import Goal, Milestone
from patronage.granting import GrantRule, RevokeRule, RightRule
from patronage.thresholds import GiveCredit

LINKED = GrantRule(name="links", key="linked", activity="link", value_from="partner")
UNLINKED = RevokeRule(name="unlinks", key="linked", activity="unlink")
AIR_GONE = RevokeRule(name="no-air", key="linked", activity="grounded", value="air")
NO_ON: On = cast("Any", "activity")
NO_RULE: RightRule = cast("Any", "linked")


def member_of(*rights: RightRule) -> Member:
    """A member of a program with those rules of rights, beside a goal."""
    goal = Goal(name="goal", milestones=[Milestone(at_least=STARS.of(5), gives=[GiveCredit(amount=POINTS.of(10))])])
    return Member(program_of(ChallengePolicy(name="own", challenges=[goal], rights=rights)))


def partners(member: Member) -> list[str]:
    """The partners that are linked."""
    return sorted(str(grant.value) for grant in member.standing().grants("linked"))


class TestEnds:
    """A RevokeRule ends what is held."""

    def test_it_ends_all_under_its_key(self) -> None:
        """Two partners are linked, and both links end."""
        member = member_of(LINKED, UNLINKED)
        member.does("link", id="a-1", attributes={"partner": "air"})
        member.does("link", id="a-2", attributes={"partner": "rail"})
        assert partners(member) == ["air", "rail"]
        assert kinds(member.does("unlink", id="a-3").entries) == ["GrantEntry", "GrantEntry"]
        assert partners(member) == []

    def test_it_ends_those_of_its_value_alone(self) -> None:
        """The airline goes, the railway stays."""
        member = member_of(LINKED, AIR_GONE)
        member.does("link", id="a-1", attributes={"partner": "air"})
        member.does("link", id="a-2", attributes={"partner": "rail"})
        member.does("grounded", id="a-3")
        assert partners(member) == ["rail"]

    def test_where_nothing_is_held_nothing_ends(self) -> None:
        """Neither without a right under the key, nor without one of the value."""
        member = member_of(LINKED, UNLINKED, AIR_GONE)
        assert member.does("unlink", id="a-1").entries == ()
        member.does("link", id="a-2", attributes={"partner": "rail"})
        assert member.does("grounded", id="a-3").entries == ()
        assert partners(member) == ["rail"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: GrantRule(name="r", key="k", on=NO_ON), "a member of On, not 'activity'"),
        (lambda: RevokeRule(name="r", key="k", on=NO_ON), "a member of On, not 'activity'"),
        (lambda: member_of(NO_RULE), "given by GrantRule and ended by RevokeRule"),
        (lambda: member_of(LINKED, RevokeRule(name="links", key="linked", activity="x")), "have one name"),
    ],
)
def test_what_no_rule_of_rights_can_mean_is_refused(make: Callable[[], object], says: str) -> None:
    """A plain error where the rule, or the policy that has it, is written."""
    with pytest.raises(InvalidValueError, match=says):
        make()
