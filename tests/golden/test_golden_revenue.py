"""Golden cases of accounting: the standard's own example, its variants, and its two methods."""

from __future__ import annotations

import pytest
from runner import Facts, cases_of

from patronage import Amount, Unit
from patronage.revenue import Breakage, Earned, Redeemed, deferred, earned

CU, POINTS = Unit("CU"), Unit("points")
CASES = cases_of("revenue")


def periods(case: Facts) -> list[Redeemed]:
    """What was known at the end of each."""
    return [
        Redeemed(redeemed=POINTS.of(each["redeemed_cum"]), expected=POINTS.of(each["expected"]))
        for each in case["periods"]
    ]


def share(case: Facts) -> Amount:
    """What of the sales is for points, by what both are worth."""
    terms = case["terms"]
    worth = CU.of(terms["point_value"]).steps * terms["expected_redeemed_initial"]
    return deferred(CU.of(terms["sales"]), goods=CU.of(terms["goods_ssp"]), points=CU.of(worth))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_revenue(case: Facts) -> None:
    """Every figure that the case states: revenue and liability by period, the total, and the other method's."""
    terms, names = case["terms"], [each["id"] for each in case["periods"]]
    deferral = CU.of(terms["allocation"]) if "allocation" in terms else share(case)
    found = dict(zip(names, earned(deferral, periods(case)), strict=True))
    remote = earned(deferral, periods(case), issued=POINTS.of(terms["points"]), breakage=Breakage.REMOTE)
    at_last = dict(zip(names, remote, strict=True))
    for what, figure in case["amounts"].items():
        assert told(what, found, at_last, case) == CU.of(figure), what


def told(what: str, found: dict[str, Earned], at_last: dict[str, Earned], case: Facts) -> Amount:
    """The figure of that name."""
    *other, period, name = what.rsplit(".", 2) if what.startswith("remote.") else (what.split(".", maxsplit=1)[0], what)
    if name == "exact_points_allocation":
        return share(case)
    if name == "total":
        return sum((each.revenue for each in found.values()), start=CU.of(0))
    if other:
        return at_last[period].revenue
    if name.endswith("breakage_part"):
        return found[period].revenue - at_last[period].revenue
    return found[period].liability if name.endswith("liability") else found[period].revenue
