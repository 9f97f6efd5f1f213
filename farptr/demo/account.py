"""The account of a training run: who received what, and whether the client saw more than mean gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rich import box
from rich.table import Table

from farptr.protocol.names import ME

if TYPE_CHECKING:
    from farptr.client.account import Traffic
    from farptr.ledger.account import Ledger

AGGREGATOR = "aggregator"


class Verdict(NamedTuple):
    """Whether the client was handed the mean gradients and nothing else, and that in a sentence."""

    holds: bool
    sentence: str


def verdict(ledger: Ledger, workers: Sequence[str], rounds: int, mean_bytes: int) -> Verdict:
    """Judge by the ledger what the client was handed: so many means of all these workers' data, and nothing else."""
    if len(workers) < 2:
        return Verdict(False, "The mean of a single worker's gradient is that gradient: the client has seen it.")
    allowed = f"aggregate:{len(workers)}"
    found = [receipt for worker in workers for receipt in ledger.saw(ME, worker, unless=allowed)]
    if found:
        receipt = found[0]
        return Verdict(
            False,
            f"The client received something else than mean gradients: {receipt.value_bytes:,} bytes, {receipt.what} by "
            f"{receipt.source}, {receipt.kind} from {', '.join(receipt.sources)}.",
        )
    handed = ledger.view(ME).value_bytes
    if handed != rounds * mean_bytes:
        return Verdict(
            False,
            f"The client received something else than mean gradients: {handed:,} bytes of arrays where "
            f"{rounds * mean_bytes:,} were due.",
        )
    return Verdict(
        True,
        f"By the ledger the client received {rounds} mean gradients of {mean_bytes:,} bytes, {handed:,} bytes of "
        f"arrays in all, each made of the data of all {len(workers)} workers: no worker's gradient and no sample.",
    )


def meaning(row: Traffic) -> str:
    """What a row of the account stands for in this demonstration."""
    if row.what == "pushed":
        return "gradients"
    if row.destination == ME and not row.value_bytes:
        return "names, counts"
    if row.destination == ME:
        return "mean gradients" if row.source == AGGREGATOR else "what it should not have"
    if row.destination == AGGREGATOR:
        return "commands"  # the few bytes are the 0 that sum() begins with, and the number of samples
    return "weights" if row.value_bytes else "commands"


def table(rows: Sequence[Traffic]) -> Table:
    """Who received what, grouped by receiver, the client last."""
    found = Table(
        title="Who received what", title_justify="left", caption_justify="left",
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0),
        caption="All of it passed through the broker, and is in the run's journal.",
    )  # fmt: skip
    for name in ("receiver", "from", "what"):
        found.add_column(name)
    for name in ("messages", "array bytes", "wire bytes"):
        found.add_column(name, justify="right")
    order = sorted(rows, key=_rank)
    previous = ""
    for i, row in enumerate(order):
        receiver = "" if row.destination == previous else row.destination
        previous = row.destination
        last = i + 1 == len(order) or order[i + 1].destination != previous
        numbers = (f"{n:,}" for n in (row.envelopes, row.value_bytes, row.wire_bytes))
        found.add_row(receiver, row.source, meaning(row), *numbers, end_section=last)
    return found


def _rank(row: Traffic) -> tuple[Any, ...]:
    """Receivers: workers by number (w2 before w10), the aggregator, the client. Senders: the workers last."""
    to, source = row.destination, row.source
    return to == ME, to == AGGREGATOR, len(to), to, source not in (ME, AGGREGATOR), len(source), source
