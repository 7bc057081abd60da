"""What can be done to the machine the server under test runs on: stop, start, restart, addresses, its log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from smbtorture_py.conformance.needs import Capability


class Action(StrEnum):
    """One thing that can be done; the values are keys of `hooks:` in `targets.yaml`."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    ADD_ADDRESS = "add_address"
    REMOVE_ADDRESS = "remove_address"
    LOG = "log"


class ControlFailed(Exception):
    """An action is not offered or did not work; the text names it."""


class Control(ABC):
    """The actions a target offers, with a memory of what is to be undone.

    Only a case that says what it `disturbs` may use it; it runs alone.
    """

    def __init__(self) -> None:
        self._is_stopped = False
        self._added: list[str] = []
        self._removed: list[str] = []

    @property
    @abstractmethod
    def actions(self) -> frozenset[Action]:
        """What is offered."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities that the actions amount to."""
        actions = self.actions
        restarts = Action.RESTART in actions or {Action.START, Action.STOP} <= actions
        found = {
            Capability.RESTART: restarts,
            Capability.ADDRESS_CHANGE: {Action.ADD_ADDRESS, Action.REMOVE_ADDRESS} <= actions,
            Capability.SERVER_LOG: Action.LOG in actions,
        }
        return frozenset(capability for capability, there in found.items() if there)

    @abstractmethod
    def perform(self, action: Action, address: str = "") -> str:
        """Do it and return what it said; raises ControlFailed."""

    def stop(self) -> None:
        """Stop the server; every connection ends. Raises ControlFailed, as all of these do."""
        self._do(Action.STOP)
        self._is_stopped = True

    def start(self) -> None:
        """Start the server after `stop`; it accepts connections when this returns."""
        self._do(Action.START)
        self._is_stopped = False

    def restart(self) -> None:
        """Stop the server and start it again."""
        if Action.RESTART in self.actions:
            self._do(Action.RESTART)
            self._is_stopped = False
        else:
            self.stop()
            self.start()

    def add_address(self, address: str) -> None:
        """Give the server an address that it serves from now on."""
        self._do(Action.ADD_ADDRESS, address)
        if address in self._removed:
            self._removed.remove(address)
        else:
            self._added.append(address)

    def remove_address(self, address: str) -> None:
        """Take an address from the server, with the connections that use it."""
        self._do(Action.REMOVE_ADDRESS, address)
        if address in self._added:
            self._added.remove(address)
        else:
            self._removed.append(address)

    def log(self) -> str:
        """Return the end of the server's log."""
        return self._do(Action.LOG)

    def restore(self) -> None:
        """Undo what a case has left: start what is stopped, put addresses back."""
        if self._is_stopped:
            self.start()
        for address in tuple(self._added):
            self.remove_address(address)
        for address in tuple(self._removed):
            self.add_address(address)

    def _do(self, action: Action, address: str = "") -> str:
        if action not in self.actions:
            raise ControlFailed(f"the target offers no way to {action.value.replace('_', ' ')}")
        return self.perform(action, address)
