"""What crosses between the owner of a run and its supervisor: JSON lines, typed on both sides."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farptr.protocol.errors import ERRORS, FarptrError, StartFailed
from farptr.protocol.functions import OFF
from farptr.protocol.names import check_names

MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True)
class WorkerSpec:
    """One worker to start: its name, the file with its own data, if any, and whether it runs cells."""

    name: str
    load: str | None = None
    functions: str = OFF


@dataclass(frozen=True)
class Spec:
    """What a run is to be. Raises BadName when worker names are illegal or not distinct."""

    workers: tuple[WorkerSpec, ...]
    name: str | None = None
    """None for a private run, which nobody finds by name."""
    seed: int | None = None
    detached: bool = False
    """Whether the run outlives the process that starts it."""
    start_timeout_s: float = 30.0
    base: str | None = None
    """The runtime base directory; None for this user's own."""
    mark: str | None = None
    """What the processes of the owner's script carry, see ``marked``: they end with the run."""
    restart: bool = False
    """Whether a worker that dies is started again, see ``restarts``."""
    memory_limit_bytes: int | None = None
    """What each worker may take beyond what it has when it has registered; None for no limit."""
    bind: str | None = None
    """Where the broker listens for other machines too, ``tcp://…``."""
    keys: str | None = None
    """Directory of the ring of who may come from there."""
    allow: str | None = None
    """Which clients may do what to the workers (``protocol.authority``); None for everybody everything."""
    journal: str | None = None
    """The folder in which the run's journal is to be; None for no journal."""
    preload: tuple[str, ...] = ()
    """Modules to import before the forks, so that every worker has them already."""
    clock: dict[str, Any] | None = None
    """Of a run whose time is modelled; None for the wall's."""
    net: dict[str, Any] | None = None
    """The network that is modelled from the start, for the journal's manifest: whoever starts the run sets it."""

    def settings(self) -> dict[str, Any]:
        """What a journal's manifest says of this run, with a hash by which runs can be told to be alike."""
        fields = self.to_json()
        workers = [{**w, "load": w["load"] and Path(w["load"]).name} for w in fields["workers"]]
        said = {"workers": workers, **{k: fields[k] for k in ("restart", "memory_limit_bytes")}}
        if self.clock:
            said["clock"] = self.clock
        if self.net:
            said["net"] = self.net
        return {**said, "config": hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()}

    def __post_init__(self) -> None:
        check_names(worker.name for worker in self.workers)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Spec:
        """The spec from the decoded line; raises TypeError or KeyError when it is not one."""
        workers = tuple(WorkerSpec(w["name"], w.get("load"), w.get("functions", OFF)) for w in fields["workers"])
        return cls(**{**fields, "workers": workers, "preload": tuple(fields.get("preload", ()))})

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class RunInfo:
    """A run as its ``run.json`` describes it: a snapshot, not live."""

    name: str
    directory: Path
    address: str
    supervisor_pid: int
    supervisor_created_s: float
    """When the supervisor started, in seconds since 1970: with the pid, this identifies it."""
    broker_pid: int
    workers: dict[str, int]
    """Pid by name, of the workers that have joined and live."""
    protocol: str
    started: str
    """ISO 8601, UTC."""
    gone: dict[str, str] = dataclasses.field(default_factory=dict)
    """Workers that died and are not started again, though that was wanted, with the reason."""
    bound: str = ""
    """Where the broker listens for other machines; empty for nowhere."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> RunInfo:
        """The info from decoded JSON; unknown fields are left out, a missing one raises KeyError."""
        late = {"gone": {}, "bound": ""}  # what earlier versions did not write
        known = {field.name: (late | fields)[field.name] for field in dataclasses.fields(cls)}
        return cls(**{**known, "directory": Path(known["directory"])})

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {**dataclasses.asdict(self), "directory": str(self.directory)}


def encode(fields: dict[str, Any]) -> bytes:
    """One JSON line."""
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The object in one JSON line; raises ValueError when it holds anything else."""
    fields = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    return fields


def error_to_json(error: BaseException) -> dict[str, str]:
    """Any exception as plain values."""
    if isinstance(error, FarptrError):
        return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    return {"kind": type(error).__name__, "message": str(error), "hint": ""}


def error_from_json(fields: dict[str, Any]) -> FarptrError:
    """The typed error; a kind that is not one of ours becomes StartFailed and keeps its kind in the message."""
    kind, message, hint = (str(fields.get(key, "")) for key in ("kind", "message", "hint"))
    if kind in ERRORS:
        return ERRORS[kind](message, hint=hint)
    return StartFailed(f"{kind}: {message}", hint=hint)
