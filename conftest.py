"""Loads the plugin where the package is not installed, so that a bare `pytest` runs the hermetic suites."""

from importlib.metadata import entry_points

pytest_plugins = (
    []
    if any(one.name == "smbtorture_py" for one in entry_points(group="pytest11"))
    else ["smbtorture_py.plugin"]
)
