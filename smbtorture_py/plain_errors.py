"""What is wrong outside of us, as one clear text and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.records import RecordError
from smbtorture_py.targets.errors import TargetError, TargetUnreachable

P = ParamSpec("P")
R = TypeVar("R")


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command say what is wrong in one text, without a traceback, and exit with the right code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ConfigurationError, TargetError, RecordError) as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(ExitCode.USAGE)
        except TargetUnreachable as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(ExitCode.UNREACHABLE)

    return run
