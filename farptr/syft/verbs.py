"""What is put on torch's own classes: one attribute for each verb, which gives way to whatever else has its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

_OWN = ("_parameters", "_buffers", "_modules")
"""Where a module has what a program put on it."""


class Verb:
    """A method, or, of a question, what it answers without being called.

    It is no data descriptor, and no ``property``: what a program sets on an object under that name comes first, so do
    a module's own parameters, buffers and submodules, and ``torch.jit`` finds nothing to compile.
    """

    def __init__(self, function: Callable[..., Any], *, is_question: bool = False) -> None:
        self.function, self.is_question = function, is_question
        self.__doc__ = function.__doc__

    def __get__(self, found: Any, owner: Any = None) -> Any:
        """What ``found.verb`` is."""
        if found is None:
            return self.function  # what looks through torch's classes knows functions
        name = self.name
        for store in _OWN:
            if name in vars(found).get(store, ()):
                return vars(found)[store][name]
        return self.function(found) if self.is_question else MethodType(self.function, found)

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name


def question(function: Callable[[Any], Any]) -> Verb:
    """A verb that is asked, not called."""
    return Verb(function, is_question=True)


def teach(place: Any, verbs: Mapping[str, Verb]) -> None:
    """Put verbs on a class that has nothing of that name yet. Again does nothing."""
    for name, verb in verbs.items():
        if not hasattr(place, name):
            verb.__set_name__(place, name)
            setattr(place, name, verb)
