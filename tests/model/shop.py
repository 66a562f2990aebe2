"""A shop that keeps one member's commits in a list and plays events through a program, as a service would."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from patronage import Commit, Decision, Event, Program, State


class Shop:
    """One member's account: its state, and the commits that made it."""

    def __init__(self, program: Program, member: str = "m-1") -> None:
        self.program = program
        self.state = State.of(member)
        self.commits: list[Commit] = []

    def about(self, names: Iterable[str]) -> list[Commit]:
        """The commits whose names meet *names*, in order of version."""
        wanted = set(names)
        return [commit for commit in self.commits if wanted.intersection(commit.names)]

    def history(self, event: Event) -> list[Commit]:
        """What a decision of *event* needs: asked until nothing new comes up."""
        roots: set[str] = {event.id}
        found = self.about(roots)
        while True:
            asked = roots | set(self.program.involves(event, (self.state,), found).roots)
            if asked == roots:
                return found
            roots, found = asked, self.about(asked)

    def decide(self, event: Event) -> Decision:
        """The decision, kept by nobody."""
        return self.program.decide(self.state, event, history=self.history(event))

    def record(self, event: Event) -> Decision:
        """The decision, its commit kept unless it was made before."""
        decision = self.decide(event)
        self.keep(decision)
        return decision

    def advance(self, until: datetime) -> None:
        """What time alone does, kept where anything fell due."""
        self.keep(self.program.advance(self.state, until))

    def keep(self, decision: Decision) -> None:
        """Appends what a decision wrote."""
        if decision.repeated or decision.state is None:
            return
        self.commits.extend(decision.commits)
        self.state = decision.state

    def play(self, *events: Event) -> Shop:
        """Records all of *events*, in order."""
        for event in events:
            self.record(event)
        return self
