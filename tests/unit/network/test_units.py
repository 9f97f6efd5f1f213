"""Quantities, latencies, links and networks as users write them."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from rich.console import Console

from farptr.network.latency import latency, reads_a_file, short
from farptr.network.links import PERFECT, PRESETS, link
from farptr.network.network import Access, Network
from farptr.network.units import rate_bytes_s, share, time_s
from farptr.protocol.errors import BadName, BadNetwork
from farptr.views.network import shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50ms", 0.05), ("50 ms", 0.05), ("2s", 2.0), ("1.5 min", 90.0), ("3 µs", 3e-6), ("1e3ns", 1e-6)],
)
def test_times(text: str, seconds: float) -> None:
    assert time_s(text) == pytest.approx(seconds, rel=1e-15)


def test_rates_and_shares() -> None:
    assert rate_bytes_s("10 Mbit/s") == 1_250_000
    assert rate_bytes_s("1MB/s") == 1_000_000
    assert share("1 %") == 0.01


@pytest.mark.parametrize(
    "text",
    ["50", 50, 0.05, None, "", "ms", "-1ms", "50 lightyears", "50 ms ms", "nan ms", "inf s", "1e400 s", "1e30 s", True],
)
def test_what_is_no_time(text: object) -> None:
    with pytest.raises(BadNetwork, match="a time of"):
        time_s(text)


@pytest.mark.parametrize("text", ["0 bit/s", "0.9 bit/s", "1e-300 Gbit/s", "10", "10 Mbit", "10 mbit/s", "-1 B/s"])
def test_what_is_no_bandwidth(text: str) -> None:
    with pytest.raises(BadNetwork, match="a bandwidth of"):
        rate_bytes_s(text)


@pytest.mark.parametrize("text", ["0.5", "101 %", "-1%"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(BadNetwork, match="a share of"):
        share(text)


@pytest.mark.parametrize(
    ("text", "mean_s"),
    [("50ms", 0.05), ("uniform(10ms, 30 ms)", 0.02), ("normal(50ms, 5ms)", 0.05), ("exponential(20ms)", 0.02)],
)
def test_latencies_have_their_mean(text: str, mean_s: float) -> None:
    rng, made = Random(1), latency(text)
    drawn = [made.draw(rng, n) for n in range(4000)]
    assert sum(drawn) / 4000 == pytest.approx(mean_s, rel=0.05)
    assert min(drawn) >= 0
    assert made.typical_s == pytest.approx(mean_s)


def test_lognormal_has_its_median() -> None:
    rng, made = Random(1), latency("lognormal(50ms, 0.5)")
    drawn = sorted(made.draw(rng, n) for n in range(4001))
    assert drawn[2000] == pytest.approx(0.05, rel=0.05)


def test_a_trace_is_told_again_from_the_start(tmp_path) -> None:
    (tmp_path / "t").write_text("# of a Tuesday\n10 ms\n\n20ms\n")
    made = latency(f"trace({tmp_path / 't'})")
    assert [made.draw(Random(), n) for n in range(3)] == [0.01, 0.02, 0.01]
    assert latency("times(10ms, 20ms)") == made


def test_a_trace_travels_as_its_times(tmp_path) -> None:
    """Who gets the description needs no file, and reads none."""
    (tmp_path / "t").write_text("".join(f"{n}.1 ms\n" for n in range(500)))
    net = Network(links={("a", "b"): {"latency": f"trace({tmp_path / 't'})"}})
    table = net.to_table()
    (tmp_path / "t").unlink()
    assert not reads_a_file(table)
    assert Network.from_table(table) == net
    assert short(net.between("a", "b").described()["latency"]) == "times(0.0001 s, 0.0011 s, …)"


def test_what_reads_a_file_is_seen_wherever_it_stands() -> None:
    assert reads_a_file({"links": [{"from": "a", "to": "b", "latency": " trace (/etc/hosts)"}]})
    assert reads_a_file([["julie", {"up": {"latency": "trace(x)"}}]])
    assert not reads_a_file({"latency": "times(1ms)", "parties": {"trace": "3G"}, "n": 5})
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert not reads_a_file(deep)


@pytest.mark.parametrize(
    "text",
    [
        "normal(50ms)",
        "normal(5, 5)",
        "uniform(30ms, 10ms)",
        "pareto(1ms)",
        "lognormal(50ms, x)",
        "exponential()",
        "trace(nowhere)",
        "times()",
        "times(1ms,)",
        "times(" + "1ms," * 10_000 + "1ms)",
    ],
)
def test_what_is_no_latency(text: str) -> None:
    with pytest.raises(BadNetwork):
        latency(text)


def test_a_link_from_a_preset_and_what_differs() -> None:
    made = link("3G", loss="1 %")
    assert (made.latency.typical_s, made.bandwidth_bytes_s, made.loss) == (0.15, 96_000, 0.01)
    assert link(made, loss="0 %") == PRESETS["3G"].up
    assert link() == PERFECT


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("5G", {}),
        (None, {"speed": "1 s"}),
        (None, {"latency": 5}),
        (3, {}),
        (None, {"latency": "1ms", "jitter": "2ms"}),
    ],
)
def test_what_is_no_link(given: object, words: dict[str, object]) -> None:
    with pytest.raises(BadNetwork):
        link(given, **words)


def test_each_preset_says_its_source() -> None:
    for name, preset in PRESETS.items():
        assert preset.source, name
        assert preset.up.bandwidth_bytes_s <= preset.down.bandwidth_bytes_s < math.inf


def test_a_file(tmp_path) -> None:
    (tmp_path / "net.toml").write_text(
        """
        everybody = "broadband"
        give_up = "5 s"
        [parties]
        julie = "3G"
        toby = { latency = "20ms", bandwidth = "10 Mbit/s" }
        carol = { up = { loss = "2 %" }, down = { preset = "4G" } }
        [[links]]
        from = "julie"
        to = "*"
        latency = "normal(10ms, 1ms)"
        [[changes]]
        at = "10 s"
        party = "julie"
        preset = "4G"
        """
    )
    made = Network.from_toml(tmp_path / "net.toml")
    assert made.access("julie").down == PRESETS["3G"].down
    assert made.access("me").up == PRESETS["broadband"].up
    assert made.access("toby") == Access(
        link(latency="20ms", bandwidth="10Mbit/s"), link(latency="20ms", bandwidth="10Mbit/s")
    )
    assert made.access("carol").up.loss == 0.02
    assert made.between("julie", "toby").latency.kind == "normal"
    assert made.between("toby", "julie") == PERFECT
    assert made.changes[0].at_s == 10
    assert (made.retry, made.give_up) == (0.2, 5.0)
    assert made.names() == {"julie", "toby", "carol"}
    assert Network.from_table(made.to_table()) == made


@pytest.mark.parametrize(
    "text",
    [
        "speed = 1", "everybody = 5", "links = 3", "[parties]\njulie = { latency = 50 }", "[[links]]\nfrom = 'a'",
        "[[links]]\nfrom = 'a'\nto = 'a'", "[[links]]\nparty = 'a'", "give_up = '100 ms'", "retry = '0 s'", "x = [",
        "[[links]]\nfrom='a'\nto='b'\n[[links]]\nfrom='a'\nto='b'\nloss='1 %'", "[[changes]]\nparty='a'\nloss='1 %'",
        "parties = 3", "[parties]\njulie = { down = 'no' }", "retry = 0.5",
        "[parties]\njulie = { up = 'LAN', loss = '1 %' }", "[[changes]]\nat='1 s'\nparty='a'\nfrom='b'\nto='c'",
    ],
)  # fmt: skip
def test_files_that_cannot_be_meant_name_themselves(text: str, tmp_path) -> None:
    (tmp_path / "net.toml").write_text(text)
    with pytest.raises(BadNetwork, match=r"net\.toml"):
        Network.from_toml(tmp_path / "net.toml")


DOWN = [
    {"everybody": {"down": True}},
    {"parties": {"julie": {"down": True, "latency": "5 ms"}}},
    {"parties": {"julie": {"up": {"down": True}}}},
    {"links": {("julie", "toby"): {"down": True}}},
    {"changes": [("1 s", "julie", {"down": True}), ("2 s", ("julie", "toby"), {"down": True})]},
]


@pytest.mark.parametrize("words", [*DOWN, {"parties": {"*": "3G"}}, {"retry": "1 ms", "give_up": "123.456 ms"}])
def test_a_table_says_the_same_network(words: dict[str, Any]) -> None:
    """It is what travels to the broker: nobody who says that something is down must be misunderstood there."""
    made = Network(**words)
    assert Network.from_table(made.to_table()) == made


def test_what_is_down_is_said_so_in_the_table_for_people() -> None:
    net = Network(everybody="3G", parties={"julie": {"down": True}})
    state = {"table": net.to_table(), "cuts": [], "rules": [], "in_flight": [], "lost_messages": 0}
    console = Console(file=io.StringIO(), width=100)
    console.print(shown(state))
    told = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert told[1:] == [
        "* network latency 150 ms, bandwidth 0.768 Mbit/s",
        "network * latency 150 ms, bandwidth 1.6 Mbit/s",
        "julie network down",
        "network julie down",
    ]


@pytest.mark.parametrize("value", ["no", "false", "yes", 0, 1, None])
def test_down_is_true_or_false(value: object) -> None:
    """Of a text nobody knows what it means: that of `no` is true for Python."""
    with pytest.raises(BadNetwork, match="true or false"):
        Network(links={("a", "b"): {"down": value}})


@pytest.mark.parametrize("words", [{"retry": 0.5}, {"give_up": 20.0}, {"give_up": math.inf}, {"retry": 1}])
def test_a_number_alone_is_no_time_here_either(words: dict[str, Any]) -> None:
    with pytest.raises(BadNetwork, match="no unit"):
        Network(**words)


@pytest.mark.parametrize(
    "words", [{"parties": ["a"]}, {"parties": 3}, {"links": [("a", "b")]}, {"changes": 3}, {"changes": None}]
)
def test_what_is_no_table_is_named(words: dict[str, Any]) -> None:
    with pytest.raises(BadNetwork, match=next(iter(words))):
        Network(**words)


def test_a_star_is_every_party_that_is_not_named() -> None:
    net = Network(everybody="LAN", parties={"*": "3G", "julie": "4G"})
    assert net.access("toby").up == PRESETS["3G"].up
    assert net.access("julie").up == PRESETS["4G"].up
    assert net.with_changes([("*", None)]).access("toby").up == PRESETS["LAN"].up


def test_the_pages_file(tmp_path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "network.md").read_text(encoding="utf-8")
    (text,) = re.findall("```toml\n(.*?)```", page, re.S)
    (tmp_path / "net.toml").write_text(text)
    made = Network.from_toml(tmp_path / "net.toml")
    assert made.names() == {"julie", "toby"}
    assert made.changes[0].at_s == 30


def test_the_pages_presets() -> None:
    page = (Path(__file__).parents[3] / "docs" / "network.md").read_text(encoding="utf-8")
    for name, preset in PRESETS.items():
        up, down = (f"{link.bandwidth_bytes_s * 8 / 1e6:g}" for link in (preset.up, preset.down))
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        cells = [cell.strip() for cell in row.split("|")[2:5]]
        rates = [rate_bytes_s(cell) * 8 / 1e6 for cell in cells[:2]]
        assert [f"{rate:g}" for rate in rates] == [up, down]
        assert time_s(cells[2]) == preset.up.latency.typical_s


def test_names_are_legal() -> None:
    with pytest.raises(BadName):
        Network(parties={"no name": "3G"})
