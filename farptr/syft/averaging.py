"""Models, added up and averaged where their parameters are: ``syft.frameworks.torch.fl.utils``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from farptr.protocol.errors import UsageError


def add_model(dst_model: Any, src_model: Any) -> Any:
    """Add the parameters of a model to those of another one, in place; both are in one place. Returns the latter."""
    source = dict(src_model.named_parameters())
    with torch.no_grad():
        for name, parameter in dst_model.named_parameters():
            if name in source:
                parameter.add_(source[name])
    return dst_model


def scale_model(model: Any, scale: float) -> Any:
    """Multiply the parameters of a model, in place; returns it."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    return model


def federated_avg(models: Mapping[Any, Any]) -> Any:
    """The average of models that are in one place, in the first of them; raises UsageError when there is none."""
    first, *others = models.values() or [None]
    if first is None:
        raise UsageError("there are no models to be averaged", hint="federated_avg({'bob': model, 'alice': other})")
    for other in others:
        add_model(first, other)
    return scale_model(first, 1 / (1 + len(others)))
