"""Tree connects as Samba makes them."""

from __future__ import annotations

from typing import Final

from smbtorture_py.server.policies.tree import TreePolicy

_UNC: Final = "\\\\"


class SambaTreePolicy(TreePolicy):
    """Tree connects as Samba makes them."""

    def unprotected_ends_connection(self) -> bool:
        """TREE_CONNECT on 3.1.1 that is neither signed nor encrypted is merely refused."""
        return False

    def close_finds_its_open_first(self) -> bool:
        """The tree connect of every command is looked up before its handler is called."""
        return False

    def split_path(self, path: str) -> tuple[str, str] | None:
        r"""What follows \\host\ is the name of a share, whatever it is; so is a path of another form."""
        if not path.startswith(_UNC):
            return "", path
        host, separator, share = path[len(_UNC) :].partition("\\")
        return (host, share) if separator else ("", host)
