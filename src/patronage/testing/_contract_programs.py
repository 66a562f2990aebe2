"""What a `ProgramRepository` promises: the whole timeline of terms, to which versions are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Final

import attrs

from patronage._canonical import canonical_bytes
from patronage.conditions import Category, Tag
from patronage.errors import InvalidValueError, quote
from patronage.occasions import Life
from patronage.periods import EARLIEST
from patronage.policies import PointsPolicy
from patronage.program import Program
from patronage.repositories import ProgramRepository
from patronage.rewards import PayWithPoints
from patronage.rules import SpendRule
from patronage.state import State
from patronage.terms import Terms
from patronage.terms_of_time import days
from patronage.testing._contract_play import FAR, MICROSECOND, NOON, POINTS, USD, A, bought
from patronage.testing._contract_storms import DONE, Wait, in_processes, in_threads
from patronage.testing._contract_trial import Effort, Promises, Trial, check, equal, refused
from patronage.units import Unit

Programs = Trial[ProgramRepository]
programs = Promises[ProgramRepository]("ProgramRepository")
threaded_programs = Promises[ProgramRepository]("ProgramRepository")

_STARS: Final = Unit("stars", decimals=2)


def terms(points: int, at: datetime = EARLIEST) -> Terms:
    """Terms that give so many points a dollar, from an instant."""
    rule = SpendRule(per=USD.of("1.00"), credit=POINTS.of(points), life=Life(expires_after=days(30)))
    return Terms(units=(USD, POINTS), policies=(PointsPolicy(name="base", rules=(rule,)),), effective_from=at)


def rich_terms(at: datetime) -> Terms:
    """Terms with more to lose: another unit, conditions, large and exact numbers, names with letters of all kinds."""
    rules = (
        SpendRule(per=USD.of("0.01"), credit=_STARS.steps(2**53 + 1), when=Category({"b\u00e9 'x'", "a"})),
        SpendRule(per=USD.of("2.50"), credit=POINTS.of(3), when=Tag({"null", "None"})),
    )
    reward = PayWithPoints(name="pay-2", points=POINTS.of(10), value=USD.of("1.00"))
    policies = (PointsPolicy(name="second", rules=rules[:1]), PointsPolicy(name="first", rules=rules))
    return Terms(
        units=(POINTS, USD, _STARS), policies=policies, rewards=(reward,), effective_from=at, refund_for=days(17)
    )


def whole(repository: ProgramRepository, expected: Sequence[Terms]) -> Program:
    """The program as it is loaded, which must have these terms."""
    program = repository.load()
    check(isinstance(program, Program), "load() must give a Program.")
    equal(program.terms, expected, "The timeline")
    for one, other in zip(program.terms, expected, strict=True):
        check(canonical_bytes(one) == canonical_bytes(other), "Terms came back with another kind of value.")
    return program


def misfit(repository: ProgramRepository, other: Terms, why: str) -> None:
    """Publishing must be refused."""
    refused(InvalidValueError, lambda: repository.publish(other), f"{why} must raise InvalidValueError.")


@programs.promise("load")
def before_the_first_terms_there_is_no_program(trial: Programs) -> None:
    """Where nothing was published `load` raises InvalidValueError, and does not make terms up."""
    repository = trial.repository()
    for _ in range(2):
        refused(InvalidValueError, repository.load, "Loading what was never published must raise InvalidValueError.")
    repository.publish(terms(1))
    whole(repository, [terms(1)])


@programs.promise("load")
def the_whole_timeline_is_loaded_in_order(trial: Programs) -> None:
    """All versions come back whole, in order of their instants, in whatever order they were published."""
    repository = trial.repository()
    instants = [
        NOON - MICROSECOND,
        NOON + MICROSECOND,
        EARLIEST,
        FAR,
        datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=timezone(timedelta(hours=-12))),
        *(datetime(2024 + n, 1 + n, 1, 5, 45, tzinfo=timezone(timedelta(hours=5, minutes=45))) for n in range(9)),
    ]
    published = [terms(1, NOON)]
    repository.publish(published[0])
    program = repository.load()
    for n, at in enumerate(instants):
        version = rich_terms(at) if n % 3 == 2 else terms(n + 1, at)
        repository.publish(version)
        published.append(version)
        program = whole(repository, sorted(published, key=lambda each: each.effective_from))
    one = repository.load()
    check((one.id, one.time_zone) == (program.id, program.time_zone), "The id or the time zone of the program changes.")
    check(
        all(each.effective_from.utcoffset() is not None for each in one.terms), "An instant came back without a zone."
    )


@programs.promise("load")
def the_terms_in_force_decide(trial: Programs) -> None:
    """An event is decided by the version in force at its instant: the older one up to the last microsecond."""
    repository = trial.repository()
    repository.publish(terms(1))
    before = repository.load()
    repository.publish(terms(3, NOON))
    program = repository.load()
    for at, points in ((NOON - MICROSECOND, 50), (NOON, 150), (NOON + MICROSECOND, 150)):
        earned = program.decide(State.of(A), bought(A, "p", at)).earned(POINTS).total.steps
        check(earned == points, f"Bought at {at} it earned {earned} points, not {points}.")
    earlier = bought(A, "p", NOON - timedelta(days=3))
    check(
        program.decide(State.of(A), earlier) == before.decide(State.of(A), earlier), "A new version changed the past."
    )


@programs.promise("publish")
def publishing_again_changes_nothing(trial: Programs) -> None:
    """The same terms again, also after others, are no error and no second version."""
    repository = trial.repository()
    versions = [terms(1), rich_terms(NOON), terms(3, NOON + timedelta(days=1))]
    for version in versions:
        repository.publish(version)
    for version in versions:
        repository.publish(attrs.evolve(version))
        whole(repository, versions)


@programs.promise("publish")
def what_was_published_is_never_changed(trial: Programs) -> None:
    """Other terms of an instant that is taken are refused, and the first stay: also in another zone's writing."""
    repository = trial.repository()
    versions = [terms(1), terms(2, NOON)]
    for version in versions:
        repository.publish(version)
    zone = timezone(timedelta(hours=5, minutes=45))
    for other in (terms(9), terms(9, NOON), terms(9, NOON.astimezone(zone)), rich_terms(NOON)):
        misfit(repository, other, "Other terms of an instant that is taken")
        whole(repository, versions)
    repository.publish(terms(3, NOON + MICROSECOND))
    whole(repository, [*versions, terms(3, NOON + MICROSECOND)])


@programs.promise("publish")
def terms_that_do_not_fit_the_program_are_refused(trial: Programs) -> None:
    """A unit that changes its decimals is refused, and leaves the timeline as it was and open to what fits."""
    repository = trial.repository()
    repository.publish(terms(1))
    finer = Terms(units=(Unit("points", decimals=2),), effective_from=NOON)
    misfit(repository, finer, "A unit with other decimals")
    misfit(repository, attrs.evolve(finer, effective_from=FAR), "A unit with other decimals")
    whole(repository, [terms(1)])
    repository.publish(terms(2, NOON))
    whole(repository, [terms(1), terms(2, NOON)])


@programs.promise("load")
def a_program_that_was_loaded_stays_as_it_is(trial: Programs) -> None:
    """It is a value: what is published later is in what is loaded later."""
    repository = trial.repository()
    repository.publish(terms(1))
    early = repository.load()
    repository.publish(terms(2, NOON))
    equal(early.terms, [terms(1)], "The program that was loaded before")
    whole(repository, [terms(1), terms(2, NOON)])


@programs.promise("publish")
def published_terms_are_there_when_it_is_opened_again(trial: Programs) -> None:
    """Once `publish` has returned, another connection loads it and refuses what does not fit."""
    repository = trial.repository()
    repository.publish(terms(1))
    with suppress(InvalidValueError):
        repository.publish(terms(9))
    repository.publish(rich_terms(NOON))
    again = trial.reopened(repository)
    program = whole(again, [terms(1), rich_terms(NOON)])
    check(program.id == repository.load().id, "Opened again the program has another id.")
    misfit(again, terms(9, NOON), "Opened again, other terms of an instant that is taken")
    again.publish(terms(2, FAR))
    whole(repository, [terms(1), rich_terms(NOON), terms(2, FAR)])


@programs.promise("publish")
def terms_of_two_programs_do_not_meet(trial: Programs) -> None:
    """Two programs in one database have a timeline each, and may differ at one instant."""
    repository = trial.repository()
    neighbour = trial.neighbour(repository)
    repository.publish(terms(1))
    refused(InvalidValueError, neighbour.load, "A program that has no terms must not load another one's.")
    neighbour.publish(attrs.evolve(terms(2), units=(USD, POINTS, Unit("stars"))))
    repository.publish(rich_terms(NOON))
    program = whole(repository, [terms(1), rich_terms(NOON)])
    check(len(neighbour.load().terms) == 1, "Another program's terms are loaded.")
    check(program.id != neighbour.load().id, "Two programs have one id.")


# Several at once.


def publishes(count: int, repository: ProgramRepository, number: int, wait: Wait) -> Sequence[str]:
    """The job: each publishes terms of its own for every instant, all at once."""
    found = []
    for version in [terms(number + 1, NOON + timedelta(days=n)) for n in range(count)]:
        wait()
        try:
            repository.publish(version)
        except InvalidValueError:
            found.append("refused")
        except Exception as error:
            found.append(f"{type(error).__name__}({quote(str(error))})")
        else:
            found.append(DONE)
    return found


def one_version(repository: ProgramRepository, found: Sequence[Sequence[str]]) -> None:
    """Of each instant exactly one version was taken, and it is the one that is loaded."""
    expected = []
    for n, outcomes in enumerate(zip(*found, strict=True)):
        strange = next((each for each in outcomes if each not in {DONE, "refused"}), None)
        check(strange is None, f"Who published too late met {strange}, where InvalidValueError is due.")
        winners = [number for number, each in enumerate(outcomes) if each == DONE]
        check(len(winners) == 1, f"Of {len(outcomes)} versions for one instant at once {len(winners)} were taken.")
        expected.append(terms(winners[0] + 1, NOON + timedelta(days=n)))
    whole(repository, expected)


@threaded_programs.promise("publish", effort=Effort.THREADS)
def of_threads_that_publish_for_one_instant_one_succeeds(trial: Programs) -> None:
    """Of several threads that publish other terms for one instant at once exactly one succeeds."""
    repository = trial.repository()
    repositories = trial.in_threads(repository, trial.contract.threads)
    one_version(
        repository,
        in_threads(trial, repositories, partial(publishes, trial.contract.rounds // 3 + 1), interrupting=True),
    )


@programs.promise("publish", effort=Effort.PROCESSES)
def of_processes_that_publish_for_one_instant_one_succeeds(trial: Programs) -> None:
    """Of several processes that publish other terms for one instant at once exactly one succeeds."""
    repository = trial.repository()
    opener = trial.opener(repository)
    one_version(repository, in_processes(trial, opener, partial(publishes, trial.contract.rounds // 3 + 1)))
