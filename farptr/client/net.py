"""The modelled network of a run, as a client changes it: ``sim.net``.

Whatever is changed holds at once, for every client, until it is changed again; as a ``with`` block, until that ends.
Of blocks that overlap each ends what it began and nothing else.
Partitions, rules and ``hold`` end with the client that made them, however it ends.
What is on its way already goes on as it began.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.network.links import link as make_link
from farptr.network.links import words_of
from farptr.network.network import ANY, Access, Network, access_of, network_of, pair_of, party_name
from farptr.network.rules import Rule
from farptr.protocol.errors import BadNetwork, UnknownWorker
from farptr.protocol.names import ME

if TYPE_CHECKING:
    from farptr.client.session import Session

Party = Any
"""A worker, or the name of a party."""


class InFlight(NamedTuple):
    """An envelope on its way."""

    number: int
    source: str
    destination: str
    what: str
    """``sent`` by a client, ``pushed`` from worker to worker, or ``fetched`` by a client."""
    wire_bytes: int
    since_s: float
    """How long it has been under way."""
    held: bool
    """Whether it waits for ``deliver`` or ``drop``."""


class Change:
    """Something changed in the network; ``undo``, or the end of a ``with`` block, takes it back."""

    def __init__(self, words: str, undo: Callable[[], None]) -> None:
        self._words, self._undo = words, undo
        self._undone = False

    def undo(self) -> None:
        """Take it back; again does nothing."""
        if not self._undone:
            self._undone = True
            self._undo()

    def __enter__(self) -> Change:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<{self._words}{', taken back' if self._undone else ''}>"


class Net:
    """The network between the parties of a run.

    A party is a worker, a worker's name, ``"me"`` for the client, or ``"*"`` for anybody. Everything here waits for the
    broker's word. Raises BadNetwork for what cannot be meant, UnknownWorker for a party that is not there.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    # ------------------------------------------------------------ the whole of it

    def set(self, network: Network | str | os.PathLike[str] | None) -> None:
        """Model this network from now on: an ``fp.Network``, a TOML file, or None for a perfect one.

        Times of its changes count from now. Partitions and rules stay.
        """
        made = network_of(network)
        for name in sorted(made.names()):
            self._known(name)
        self._ask("set", table=made.to_table())

    @property
    def network(self) -> Network:
        """What is modelled now."""
        return Network.from_table(self._ask("state")["table"])

    def state(self) -> dict[str, Any]:
        """In plain values: seconds since it is modelled, links, rules, partitions, and what was lost."""
        return dict(self._ask("state"))

    def __repr__(self) -> str:
        return f"<network of {len(self._session.core.names)} parties; .network says what is modelled>"

    # ------------------------------------------------------------ parts of it

    def link(self, source: Party, destination: Party, given: object = None, /, **words: object) -> Change:
        """What the link from one party to another does: ``sim.net.link("julie", "toby", latency="50 ms")``.

        Args:
            source: from this party …
            destination: … to that one. The way back is another link.
            given: a preset's name (``"3G"``) or a link; perfect without one.
            words: ``latency``, ``jitter``, ``bandwidth``, ``loss``, ``duplicate``, ``reorder``, each with its unit.
        """
        made = make_link(given, **words)
        pair = self._pair(source, destination)
        return self._changed(list(pair), made.described(), f"link {pair[0]} → {pair[1]}: {_words(made.described())}")

    def party(self, name: Party, given: object = None, /, **words: object) -> Change:
        """How a party is connected, up and down: ``sim.net.party("julie", "3G")``."""
        if isinstance(given, str) and words:
            given, words = {"preset": given, **words}, {}
        made = access_of(words if given is None else given)
        if given is not None and words:
            made = Access(make_link(made.up, **words), make_link(made.down, **words))
        who = self._known(name)
        said = {"up": made.up.described(), "down": made.down.described()}
        return self._changed(who, said, f"{who}: up {_words(said['up'])}; down {_words(said['down'])}")

    def partition(self, one: Party, other: Party = ANY, *, one_way: bool = False) -> Change:
        """Nothing comes through between two parties, or between one and everybody; ``one_way``: from the first on.

        What is sent meanwhile is sent again and again; it comes through when the partition ends in time, else it fails
        with LinkLost after ``give_up`` (10 s).
        """
        there = self._pair(one, other)
        pairs = [list(there)] if one_way else [list(there), list(there[::-1])]
        self._ask("cut", pairs=pairs, by=1)
        words = f"partition of {there[0]} {'→' if one_way else '↔'} {there[1]}"
        return Change(words, lambda: self._ask("cut", pairs=pairs, by=-1))

    def rule(
        self,
        do: str,
        *,
        source: Party = ANY,
        destination: Party = ANY,
        what: str = ANY,
        delay: str = "",
        times: int | None = None,
    ) -> Change:
        """Treat single envelopes apart: ``sim.net.rule("drop", source="julie", what="fetched", times=1)``.

        Args:
            do: ``pass``, ``delay`` or ``drop``, which is LinkLost at once.
            delay: by how much, for ``delay``.
            source: whose envelopes.
            destination: and to whom.
            what: ``sent`` by a client, ``pushed`` from worker to worker, or ``fetched`` by a client.
            times: how often; without it always. The first rule that fits decides.
        """
        rule = Rule(do, self._known(source), self._known(destination), what, delay, times)
        number = self._ask("rule", rule=vars(rule))
        return Change(
            f"rule: {do} from {rule.source} to {rule.destination}", lambda: self._ask("unrule", number=number)
        )

    # ------------------------------------------------------------ step by step

    def hold(self) -> Change:
        """From now on nothing arrives unless ``deliver`` lets it; ``release``, or the end of each block, ends that.

        Commands go out, and so does the news of who comes and goes; calls that wait for an answer wait for
        ``deliver``: use ``get_async``, or another thread.
        """
        self._session.flush()
        self._ask("hold")
        return Change("everything is held", lambda: self._ask("unhold"))

    def release(self) -> None:
        """Everything goes on, whoever holds it."""
        self._ask("release")

    def in_flight(self) -> list[InFlight]:
        """The envelopes on their way, in the order in which they were sent."""
        self._session.flush()
        return [InFlight(*row) for row in self._ask("state")["in_flight"]]

    def deliver(self, *which: InFlight | int) -> int:
        """Let held envelopes arrive now (all without an argument), behind what has to arrive before; how many."""
        return self._step(which, "")

    def drop(self, *which: InFlight | int) -> int:
        """Lose held envelopes: who waits for them gets LinkLost; how many."""
        return self._step(which, "it was dropped by hand")

    def _step(self, which: Iterable[InFlight | int], lost: str) -> int:
        numbers = [one if isinstance(one, int) else one.number for one in which]
        count = int(self._ask("step", numbers=numbers or None, lost=lost))
        if numbers and count < len(set(numbers)):
            raise BadNetwork(
                f"{len(set(numbers)) - count} of these envelopes are not held (any more)",
                hint="sim.net.in_flight() lists them",
            )
        return count

    # ------------------------------------------------------------ asking

    def _ask(self, do: str, **more: Any) -> Any:
        answer = self._session.ask_broker("net", do=do, **more)
        if "error" in answer:
            message, hint = answer["error"]
            raise BadNetwork(message, hint=hint)
        return answer["done"]

    def _changed(self, key: str | list[str], to: dict[str, Any], words: str) -> Change:
        numbers = self._ask("change", changes=[[key, to]])
        return Change(words, lambda: self._ask("undo", numbers=numbers))

    def _pair(self, source: Party, destination: Party) -> tuple[str, str]:
        return pair_of((self._known(source), self._known(destination)))

    def _known(self, party: Party) -> str:
        name = party_name(getattr(party, "name", party))
        known = {ANY, ME, *self._session.core.names.values()}
        if name not in known:
            raise UnknownWorker(f"no party is called {name!r}", hint=f"there are {', '.join(sorted(known - {ANY}))}")
        return name


def _words(described: dict[str, Any]) -> str:
    return words_of(described) or "perfect"
