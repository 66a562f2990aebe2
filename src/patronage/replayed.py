"""History as it would be, had all come in order: what a `Rerated` restates stands in place of what was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from patronage.ledger import Commit, Entry, Replayed


def as_replayed(commits: Sequence[Commit]) -> Sequence[Commit]:
    """
    An account's *commits*, all or some, in order of version, with each replayed root told as it was replayed last.

    What the replay wrote about such a root by time or by other events stands in the commit of the `Rerated`.
    """
    if not any(commit.replayed for commit in commits):
        return commits
    found: list[Commit] = []
    for commit in commits:
        if commit.replayed:
            roots = {replayed.root for replayed in commit.replayed}
            told = {replayed.event: replayed for replayed in commit.replayed if replayed.event is not None}
            found = [_told(earlier, roots, told.get(earlier.event.id)) for earlier in found]
            for root in roots:
                _put_in_order(found, root, list(told))
            loose = [entry for replayed in commit.replayed if replayed.event is None for entry in replayed.entries]
            found.append(attrs.evolve(commit, entries=(*commit.entries, *loose)))
        else:
            found.append(commit)
    return found


def _put_in_order(commits: list[Commit], root: str, events: Sequence[str | None]) -> None:
    """The commits of a root change places, so that its *events* stand in their order. *commits* is changed."""
    places = [n for n, commit in enumerate(commits) if commit.root == root]
    of_root = [commits[n] for n in places]
    rank = {event: n for n, event in enumerate(events)}
    ordered = sorted(of_root, key=lambda commit: rank.get(commit.event.id, len(rank)))
    for n, place, commit in zip(places, of_root, ordered, strict=True):
        if commit is not place:
            commits[n] = attrs.evolve(commit, version=place.version, ordinal=place.ordinal)


def about_others(commit: Commit, roots: Iterable[str]) -> tuple[Entry, ...]:
    """The entries of a commit that are about none of *roots*."""
    known = frozenset(roots)
    return tuple(e for e in commit.entries if e.about.account != commit.account or e.about.root not in known)


def _told(commit: Commit, roots: Iterable[str], replayed: Replayed | None) -> Commit:
    entries = about_others(commit, roots)
    if replayed is None:
        return commit if entries == commit.entries else attrs.evolve(commit, entries=entries)
    return attrs.evolve(commit, entries=(*entries, *replayed.entries), basis=replayed.basis)
