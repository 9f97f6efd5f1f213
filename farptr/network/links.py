"""One directed link, as a user describes it, and ready-made ones.

A link carries messages one after the other at its bandwidth, each of which then takes the latency. Packets of
``PACKET_BYTES`` can be lost; what was lost is sent again (``model``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from farptr.network.latency import NONE, Latency, latency, short
from farptr.network.units import rate_bytes_s, said, share, time_s
from farptr.protocol.errors import BadNetwork

PACKET_BYTES = 1460
"""What a TCP segment carries over Ethernet: 1500 less 40 of headers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """What a link does. Made by ``link``, which reads units.

    Times in seconds, bandwidth in bytes a second, shares of 1.
    """

    latency: Latency = NONE
    jitter_s: float = 0.0
    """Each message takes so much more or less, uniformly."""
    bandwidth_bytes_s: float = math.inf
    loss: float = 0.0
    """Share of packets."""
    duplicate: float = 0.0
    """Share of packets that come twice: they take bandwidth, and nobody else notices."""
    reorder: float = 0.0
    """Share of messages that are overtaken, and so take the latency twice; those behind them wait."""
    down: bool = False
    """Nothing comes through."""

    @property
    def perfect(self) -> bool:
        """Whether it does nothing at all."""
        return self == PERFECT

    def described(self) -> dict[str, Any]:
        """What differs from a perfect link, in words with units, as ``link`` reads them; ``down`` is True."""
        rate = self.bandwidth_bytes_s
        words = {
            "latency": self.latency.text if self.latency != NONE else "",
            "jitter": said(self.jitter_s, "ms") if self.jitter_s else "",
            "bandwidth": said(rate, "Mbit/s") if rate < math.inf else "",
            **{name: said(value, "%") for name in _SHARES if (value := getattr(self, name))},
        }
        return {name: text for name, text in words.items() if text} | ({"down": True} if self.down else {})


def words_of(described: Mapping[str, Any]) -> str:
    """What ``Link.described`` gave, for people; empty for a perfect link."""
    return ", ".join(name if name == "down" else f"{name} {short(text)}" for name, text in described.items())


def _down(given: object) -> bool:
    if not isinstance(given, bool):
        raise BadNetwork(f"a link is `down` or it is not: {given!r} is not true or false")
    return given


PERFECT = Link()
_SHARES = ("loss", "duplicate", "reorder")
_READERS: dict[str, Any] = {
    "latency": ("latency", latency),
    "jitter": ("jitter_s", lambda text: time_s(text, "a jitter")),
    "bandwidth": ("bandwidth_bytes_s", rate_bytes_s),
    "down": ("down", _down),
} | {name: (name, lambda text, name=name: share(text, f"a {name}")) for name in _SHARES}
FIELDS = tuple(_READERS)
"""What a link is described by."""


def link(given: object = None, /, **words: object) -> Link:
    """A link from a preset's name, another link, and what differs: ``link("4G", loss="1 %")``; raises BadNetwork."""
    if isinstance(given, Link):
        base = given
    elif isinstance(given, str):
        base = preset(given)
    elif isinstance(given, Mapping):
        words, base = {**given, **words}, PERFECT
        base = preset(str(words.pop("preset"))) if "preset" in words else PERFECT
    elif given is None:
        base = PERFECT
    else:
        raise BadNetwork(f"{given!r} is no link", hint=f"a preset ({', '.join(PRESETS)}) or {', '.join(FIELDS)}")
    changes = {}
    for word, text in words.items():
        if word not in _READERS:
            raise BadNetwork(f"a link has no {word!r}", hint=f"it has {', '.join(FIELDS)}")
        field, read = _READERS[word]
        changes[field] = read(text)
    found = dataclasses.replace(base, **changes)
    if found.jitter_s and found.jitter_s > found.latency.typical_s:
        raise BadNetwork(
            f"a jitter of {found.jitter_s:g} s around a latency of {found.latency.text}: messages would arrive before "
            "they were sent",
            hint="make the latency larger, or give it a distribution, such as exponential(50ms)",
        )
    return found


class Preset(NamedTuple):
    """A kind of access: from the party to the network (up), and back (down)."""

    up: Link
    down: Link
    source: str
    """Where the numbers are from."""


def _preset(up: str, down: str, one_way: str, source: str, loss: str = "0 %") -> Preset:
    return Preset(
        link(latency=one_way, bandwidth=up, loss=loss), link(latency=one_way, bandwidth=down, loss=loss), source
    )


_WPT = "WebPageTest's connection profile "
PRESETS: dict[str, Preset] = {
    "LAN": _preset("1 Gbit/s", "1 Gbit/s", "0.1 ms", "gigabit Ethernet (IEEE 802.3ab), round trip 0.2 ms"),
    "broadband": _preset("1 Mbit/s", "5 Mbit/s", "14 ms", f"{_WPT}Cable: 5/1 Mbit/s, round trip 28 ms"),
    "4G": _preset("9 Mbit/s", "9 Mbit/s", "85 ms", f"{_WPT}4G: 9 Mbit/s, round trip 170 ms"),
    "3G": _preset("768 kbit/s", "1.6 Mbit/s", "150 ms", f"{_WPT}3G: 1.6 Mbit/s and 768 kbit/s, round trip 300 ms"),
    "satellite": _preset(
        "256 kbit/s", "1 Mbit/s", "300 ms", "Loadero's network condition Satellite phone: 1000/256 kbit/s, 600 ms"
    ),
}


def preset(name: str) -> Link:
    """The upward half of a preset as a link of its own: for a link between two parties."""
    return access(name).up


def access(name: str) -> Preset:
    """A preset by its name."""
    found = {known.lower(): p for known, p in PRESETS.items()}.get(name.lower())
    if found is None:
        raise BadNetwork(f"no preset is called {name!r}", hint=f"there are {', '.join(PRESETS)}")
    return found
