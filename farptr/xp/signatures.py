"""Signatures of the standard's functions, from the rows of ``protocol.standard``."""

from __future__ import annotations

from inspect import BoundArguments, Parameter, Signature
from typing import Any

from farptr.protocol import standard as table


def signature_of(written: str) -> Signature:
    """A signature from how it is written in a row."""
    found: list[Parameter] = []
    kind: Any = Parameter.POSITIONAL_OR_KEYWORD
    for text in written.split(", "):
        if text == "/":
            found = [p.replace(kind=Parameter.POSITIONAL_ONLY) for p in found]
        elif text == "*":
            kind = Parameter.KEYWORD_ONLY
        elif text.startswith("*"):
            found.append(Parameter(text[1:], Parameter.VAR_POSITIONAL))
            kind = Parameter.KEYWORD_ONLY
        else:
            name, _, default = text.partition("=")
            found.append(Parameter(name, kind, default=_CONSTANTS[default] if default else Parameter.empty))
    return Signature(found)


_CONSTANTS: dict[str, Any] = {
    "None": None, "False": False, "True": True, "0": 0, "0.0": 0.0, "1": 1, "1.0": 1.0, "2": 2, "-1": -1,
    "'backward'": "backward", "'fro'": "fro", "'left'": "left", "'reduced'": "reduced", "'xy'": "xy",
}  # fmt: skip
"""Every default that a row has."""


def with_device(signature: Signature) -> Signature:
    """The signature with the argument ``device`` at its end."""
    device = Parameter("device", Parameter.KEYWORD_ONLY, default=None)
    return signature.replace(parameters=[*signature.parameters.values(), device])


def checked(name: str, signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BoundArguments:
    """The arguments as the signature takes them; raises TypeError."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}{signature}: {error}") from None


FUNCTIONS = {name: signature_of(row) for name, row in table.FUNCTIONS.items()}
"""Those of functions of arrays."""
MAKERS = {name: signature_of(row) for name, row in table.MAKERS.items()}
"""Those of functions that make an array from plain values."""
