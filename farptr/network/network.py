"""The network of a run, as a user describes it: what each party's access does, and what single links do besides.

An envelope from a to b goes up a's access, over the link a → b, and down b's access; each is a queue of its own. What
is not named is perfect. The broker stands for the network, and has no access.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from farptr.network.links import PERFECT, Link, access, link
from farptr.network.units import time_s
from farptr.protocol.errors import BadNetwork
from farptr.protocol.names import check_name

ANY = "*"
RETRY = "200 ms"
"""Linux's least time before TCP sends again (TCP_RTO_MIN); it doubles each time (RFC 6298, 5.5)."""
GIVE_UP = "10 s"
Pair = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """How a party is connected."""

    up: Link = PERFECT
    down: Link = PERFECT


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """From a time on, counted from the start of the run, a party or a link is another one."""

    at_s: float
    key: str | Pair
    to: Access | Link


@dataclasses.dataclass(frozen=True)
class Network:
    """The whole of it: ``Network(everybody="broadband", parties={"julie": "3G"}, links={("julie", "toby"): {…}})``.

    Args:
        everybody: the access of parties that are not named: a preset, a link, or ``{"up": …, "down": …}``.
        parties: accesses by name; the client is ``me``, ``"*"`` whoever is not named.
        links: by (source, destination); ``"*"`` stands for any party, and a named link beats it.
        changes: (time, party or pair, access or link): what becomes of it then.
        retry: after which time what was lost is sent again; it doubles each time, until something comes through.
        give_up: a message of which nothing comes through for this time fails.

    A link or access is a preset's name, or what ``farptr.network.links.link`` takes. Raises BadNetwork.
    """

    everybody: Any = PERFECT
    parties: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    links: Mapping[Pair, Any] = dataclasses.field(default_factory=dict)
    changes: Iterable[Any] = ()
    retry: Any = RETRY
    give_up: Any = GIVE_UP

    def __post_init__(self) -> None:
        put = object.__setattr__
        _tables(self.parties, self.links, self.changes)
        put(self, "everybody", access_of(self.everybody))
        put(self, "parties", {party_name(name): access_of(given) for name, given in self.parties.items()})
        put(self, "links", {pair_of(pair): link(given) for pair, given in self.links.items()})
        put(self, "changes", tuple(sorted(map(_change, self.changes), key=lambda change: change.at_s)))
        for name in ("retry", "give_up"):
            put(self, name, time_s(getattr(self, name), f"`{name}`"))
        if not 0 < self.retry <= self.give_up:
            raise BadNetwork("`retry` is to be more than nothing, and not more than `give_up`")

    def access(self, name: str) -> Access:
        """How a party is connected: as named, as anybody, or as everybody."""
        found: Access | None = self.parties.get(name) or self.parties.get(ANY)
        if found is not None:
            return found
        everybody: Access = self.everybody
        return everybody

    def between(self, source: str, destination: str) -> Link:
        """The link of a pair: named, from or to anybody, or perfect."""
        for pair in ((source, destination), (source, ANY), (ANY, destination), (ANY, ANY)):
            if pair in self.links:
                found: Link = self.links[pair]
                return found
        return PERFECT

    def with_changes(self, changes: Iterable[tuple[str | Pair, Access | Link | None]]) -> Network:
        """The same with other accesses and links; None takes away what was said of one."""
        parties, links = dict(self.parties), dict(self.links)
        for key, to in changes:
            of: dict[Any, Any] = links if isinstance(key, tuple) else parties
            if to is None:
                of.pop(key, None)
            else:
                of[key] = to
        return dataclasses.replace(self, parties=parties, links=links, **self._times())

    def names(self) -> set[str]:
        """Everybody it speaks of by name."""
        keys = [*self.links, *(change.key for change in self.changes)]
        pairs = {name for key in keys if isinstance(key, tuple) for name in key}
        return (pairs | set(self.parties) | {key for key in keys if isinstance(key, str)}) - {ANY}

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """What a file says; raises BadNetwork."""
        try:
            table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise BadNetwork(f"{path}: {error.strerror}", hint="name a TOML file that you can read") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadNetwork(f"{path}: {error}") from None
        try:
            return cls.from_table(table)
        except BadNetwork as error:
            raise BadNetwork(f"{path}: {error.message}", hint=error.hint) from None

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """What a table in plain values says; raises BadNetwork. ``to_table`` is the inverse."""
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(table, Mapping) or (odd := set(table) - known):
            raise BadNetwork(f"a network has no {', '.join(sorted(odd))}", hint=f"it has {', '.join(sorted(known))}")
        plain = {name: table[name] for name in ("everybody", "parties", "retry", "give_up") if name in table}
        links: dict[Pair, Any] = {}
        for row in _rows(table.get("links", []), "links"):
            key, given = _keyed(row)
            if not isinstance(key, tuple) or key in links:
                raise BadNetwork(f"`links` says {key} {'twice' if key in links else 'and no destination'}")
            links[key] = given
        changes = []
        for row in _rows(table.get("changes", []), "changes"):
            key, given = _keyed({name: value for name, value in row.items() if name != "at"})
            changes.append((row.get("at"), key, given))
        return cls(**plain, links=links, changes=changes)

    def to_table(self) -> dict[str, Any]:
        """In plain values, as a file would say it."""
        return {
            "everybody": _said(self.everybody),
            "parties": {name: _said(given) for name, given in self.parties.items()},
            "links": [{"from": a, "to": b, **_said(given)} for (a, b), given in self.links.items()],
            "changes": [{"at": f"{c.at_s!r} s", **_said_key(c.key), **_said(c.to)} for c in self.changes],
            **self._times(),
        }

    def _times(self) -> dict[str, str]:
        return {"retry": f"{self.retry!r} s", "give_up": f"{self.give_up!r} s"}


def network_of(given: Network | str | os.PathLike[str] | None) -> Network:
    """A network, or the one in a TOML file; None is a perfect one. Raises BadNetwork."""
    if given is None:
        return Network()
    return given if isinstance(given, Network) else Network.from_toml(os.fspath(given))


def access_of(given: Any) -> Access:
    """What a user wrote for a party: a preset's name, one link for both ways, or ``up`` and ``down``."""
    if isinstance(given, Access):
        return given
    if isinstance(given, Mapping) and set(given) & {"up", "down"} and not isinstance(given.get("down"), bool):
        if odd := set(given) - {"up", "down"}:
            raise BadNetwork(f"an access of `up` and `down`, and {', '.join(sorted(odd))} besides")
        return Access(link(given.get("up")), link(given.get("down")))
    if isinstance(given, str):
        found = access(given)
        return Access(found.up, found.down)
    if isinstance(given, Mapping) and "preset" in given:
        rest = {name: value for name, value in given.items() if name != "preset"}
        found = access(str(given["preset"]))
        return Access(link(found.up, **rest), link(found.down, **rest))
    both = link(given)
    return Access(both, both)


def party_name(name: object) -> str:
    """A party's name, or ``*``; raises BadNetwork."""
    if not isinstance(name, str) or (name != ANY and not name):
        raise BadNetwork(f"{name!r} is no party's name")
    if name != ANY:
        check_name(name, "party")
    return name


def pair_of(pair: object) -> Pair:
    """(source, destination); raises BadNetwork."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise BadNetwork(f"{pair!r} is no link", hint='a link is a pair: ("julie", "toby")')
    source, destination = map(party_name, pair)
    if source == destination != ANY:
        raise BadNetwork(f"a link from {source} to itself")
    return source, destination


def key_of(key: object) -> str | Pair:
    """A party or a pair; raises BadNetwork."""
    return party_name(key) if isinstance(key, str) else pair_of(key)


def _change(given: Any) -> Change:
    if isinstance(given, Change):
        return given
    if not isinstance(given, tuple | list) or len(given) != 3:
        raise BadNetwork(f"{given!r} is no change", hint='("10 s", "julie", "3G") is one')
    at, key, to = given[0], key_of(given[1]), given[2]
    return Change(time_s(at, "the time of a change"), key, access_of(to) if isinstance(key, str) else link(to))


def _tables(parties: object, links: object, changes: object) -> None:
    for what, given, example in (("parties", parties, '{"julie": "3G"}'), ("links", links, '{("a", "b"): "3G"}')):
        if not isinstance(given, Mapping):
            raise BadNetwork(f"`{what}` is to be a table, not {given!r}", hint=f"{what}={example} is one")
    if not isinstance(changes, Iterable) or isinstance(changes, str | Mapping):
        raise BadNetwork(f"`changes` is to be a list, not {changes!r}", hint='changes=[("10 s", "julie", "3G")] is one')


def _rows(found: Any, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise BadNetwork(f"`{what}` is to be a list of tables", hint=f"in TOML: [[{what}]]")
    return found


def _keyed(row: Mapping[str, Any]) -> tuple[str | Pair, dict[str, Any]]:
    rest = {name: value for name, value in row.items() if name not in ("from", "to", "party")}
    if ("party" in row) == ("from" in row or "to" in row):
        raise BadNetwork("either `party`, or `from` and `to`, says whom a table is about")
    if "party" in row:
        return party_name(row["party"]), rest
    return pair_of((row.get("from"), row.get("to"))), rest


def _said_key(key: str | Pair) -> dict[str, str]:
    return {"party": key} if isinstance(key, str) else {"from": key[0], "to": key[1]}


def _said(given: Access | Link) -> dict[str, Any]:
    if isinstance(given, Link):
        return given.described()
    if given.up == given.down and not given.up.down:  # beside `up`, `down` is the way down
        return given.up.described()
    return {"up": given.up.described(), "down": given.down.described()}
