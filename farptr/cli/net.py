"""The command ``farptr link``, and the option ``--net``: the modelled network of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farptr.cli.manual import Manual
from farptr.cli.names import complete_file, complete_worker, run_option
from farptr.cli.output import console, hint_next, json_option, option_for, print_json

if TYPE_CHECKING:
    from farptr.launch.start import Running
    from farptr.network.network import Network

net_option = click.option(
    "--net", "net", metavar="FILE", shell_complete=complete_file, help="Model the network that a TOML file describes."
)
_QUANTITIES = {
    "latency": "'50 ms', or a distribution such as 'normal(50ms, 5ms)'.",
    "jitter": "Each envelope takes so much more or less, such as '5 ms'.",
    "bandwidth": "Such as '10 Mbit/s'.",
    "loss": "Share of packets lost on the way, such as '1 %'; they are sent again.",
    "duplicate": "Share of packets that come twice.",
    "reorder": "Share of envelopes that are overtaken.",
}


def _quantities(command: Any) -> Any:
    for name, words in reversed(_QUANTITIES.items()):
        command = click.option(f"--{name}", metavar="VALUE", help=words)(command)
    return command


@click.command(cls=Manual)
@click.argument("source", required=False, shell_complete=complete_worker)
@click.argument("destination", required=False, shell_complete=complete_worker)
@click.option("--preset", metavar="NAME", help="LAN, broadband, 4G, 3G or satellite; the rest differs from it.")
@_quantities
@click.option("--down", is_flag=True, help="Nothing comes through, until this link is described anew.")
@click.option("--perfect", is_flag=True, help="Take back what was said of this link.")
@click.option("--both", is_flag=True, help="The way back, too.")
@run_option()
@json_option
def link(
    source: str | None,
    destination: str | None,
    preset: str | None,
    down: bool,
    perfect: bool,
    both: bool,
    run: str,
    json: bool,
    **quantities: str | None,
) -> None:
    """Show or change the modelled network of a run.

    Between SOURCE and DESTINATION (`me` is the client, '*' anybody); with SOURCE alone, how that party is connected to
    all others. Without either it shows what is modelled. It holds for every client, until it is changed again.

    Examples:
      farptr link
      farptr link julie toby --latency 50ms --bandwidth 10Mbit/s --loss 1%
      farptr link julie --preset 3G
      farptr link julie toby --down --both
      farptr link julie toby --perfect --both

    Exit codes:
      2  a value without a unit, no such party     3  no such run
    """
    import farptr as fp

    words: dict[str, object] = {name: text for name, text in quantities.items() if text is not None}
    if preset:
        words["preset"] = preset
    if down:
        words["down"] = True
    if source is None and (words or perfect):
        raise click.UsageError("whose link? as in `farptr link julie toby --latency 50ms`")
    if source is not None and bool(words) == perfect:
        raise click.UsageError("say what the link does, such as --latency 50ms, or --perfect")
    if both and destination is None:
        raise click.UsageError("--both goes with a SOURCE and a DESTINATION")
    with fp.connect(run) as sim:
        if source is not None:
            pairs = [(source, destination), *([(destination, source)] if both else [])]
            for one, other in pairs:
                if other is None:
                    sim.net.party(one, words)
                else:
                    sim.net.link(one, other, words)
        state = sim.net.state()
    if json:
        print_json({"run": run, **state, "in_flight": len(state["in_flight"])})
        return
    _show(state)
    if source is None:
        hint_next((f"farptr link julie toby --latency 50ms{option_for(run)}", "describes a link"))


def read(path: str | None) -> Network | None:
    """The network of ``--net``, before anything is started; raises BadNetwork."""
    if path is None:
        return None
    from farptr.network.network import Network

    return Network.from_toml(path)


def model(running: Running, network: Network | None) -> None:
    """Model it in a run that has just started; if it cannot be, the run ends."""
    if network is None:
        return
    import farptr as fp

    try:
        with fp.connect(running.info.address) as sim:
            sim.net.set(network)
    except BaseException:
        from farptr.launch.stop import stop

        stop(running.info.name, base=running.info.directory.parent)
        raise


def _show(state: dict[str, Any]) -> None:
    from farptr.views.network import shown

    console().print(shown(state))


COMMANDS = (link,)
