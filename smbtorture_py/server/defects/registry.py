"""What a defect is, and the catalogue of them.

A defect replaces one method of one policy or part. Its function gets the method it replaces, bound, as
`original`, then what the method gets; so it can do the wrong thing, or do the right thing and spoil the
result. One that always gives the same answer needs no function.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Concatenate, Final, Generic, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
AnyFunction: TypeAlias = Callable[..., object]


@dataclass(slots=True, frozen=True)
class Defect:
    """One way to be wrong: its id, what it breaks, where it was seen, and the method it replaces."""

    id: str
    sentence: str
    breaks: tuple[str, ...]
    """Requirement ids."""
    origin: str
    """The server and version that had it, or why it is plausible."""
    owner: type
    method: str
    function: AnyFunction

    def subclass(self, in_use: type) -> type:
        """A subclass of the class in use, in which the method is replaced."""
        inherited: AnyFunction = getattr(in_use, self.method)
        function = self.function

        def replacement(self_: object, *args: object, **kwargs: object) -> object:
            return function(partial(inherited, self_), self_, *args, **kwargs)

        replacement.__name__ = self.method
        replacement.__doc__ = self.sentence
        return type(in_use.__name__, (in_use,), {self.method: replacement, "__slots__": ()})


DEFECTS: Final[dict[str, Defect]] = {}
"""By id, in the order of definition."""


@dataclass(slots=True, frozen=True)
class Replacement(Generic[S, P, R]):
    """A defect about to enter the catalogue: what it replaces is known, what it does instead is not yet."""

    identifier: str
    owner: type
    method: str
    breaks: tuple[str, ...]
    origin: str

    def __call__(
        self, function: Callable[Concatenate[Callable[P, R], S, P], R]
    ) -> Callable[Concatenate[Callable[P, R], S, P], R]:
        """Enter a function, which takes (original, self, ...) and returns what the method returns; its
        docstring, one sentence, says what the server does wrong. Raises ValueError for a function without
        one and for an id that is taken."""
        self._enter(function, function.__doc__ or "")
        return function

    def always(self, answer: R, sentence: str) -> None:
        """Enter a defect that returns the same whatever it is asked; the sentence says what the server does
        wrong. Raises ValueError for an empty one and for an id that is taken."""

        def constant(original: Callable[P, R], owner: S, *args: P.args, **kwargs: P.kwargs) -> R:
            return answer

        self._enter(constant, sentence)

    def _enter(self, function: AnyFunction, sentence: str) -> None:
        if self.identifier in DEFECTS:
            raise ValueError(f"two defects have the id {self.identifier}")
        if not sentence:
            raise ValueError(f"the defect {self.identifier} says nothing about itself")
        DEFECTS[self.identifier] = Defect(
            self.identifier,
            " ".join(sentence.split()),
            self.breaks,
            self.origin,
            self.owner,
            self.method,
            function,
        )


def defect(
    identifier: str, *, replaces: Callable[Concatenate[S, P], R], breaks: Sequence[str], origin: str
) -> Replacement[S, P, R]:
    """Begin a defect: what it gives is a decorator for the function that takes the method's place, and has
    `always` for an answer that is always the same.

    Raises TypeError for something that is no method of a class.
    """
    owner, method = _owner_of(replaces)
    return Replacement(identifier, owner, method, tuple(breaks), origin)


def _owner_of(method: AnyFunction) -> tuple[type, str]:
    """The class that defines a method, and the method's name."""
    if not isinstance(method, FunctionType) or method.__qualname__.count(".") != 1:
        raise TypeError(f"{method!r} is not a method of a class")
    class_name, name = method.__qualname__.split(".")
    owner = getattr(sys.modules[method.__module__], class_name)
    if not isinstance(owner, type):
        raise TypeError(f"{class_name} is not a class")
    return owner, name
