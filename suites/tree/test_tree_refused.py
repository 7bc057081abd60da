"""Paths, flags and users that TREE_CONNECT takes or refuses ([MS-SMB2] 2.2.9, 3.3.5.7)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import (
    ANONYMOUS,
    CLEAR_SESSIONS,
    ENCRYPTION,
    FORBIDDEN_SHARE,
    GUEST,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SMB311,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectContextType, TreeConnectFlags, TreeConnectRequest
from suites.tree.dialects import BELOW_3_1_1, DIALECTS

FLAGS_OFFSET: Final = 66
PATH_OFFSET_OFFSET: Final = 68
PATH_LENGTH_OFFSET: Final = 70
"""Where the fields of a TREE_CONNECT stand in its message."""

FIELD: Final = struct.Struct("<H")
LONGEST_SHARE: Final = 80
LONGEST_SERVER: Final = 255
"""Characters that the two components of a path may have ([MS-SMB2] 2.2.9)."""

NOT_A_UNC: Final = {
    "empty": "",
    "share-alone": "{share}",
    "server-alone": r"\\{server}",
    "no-share": "\\\\{server}\\",
    "no-server": r"\\\{share}",
    "one-backslash": r"\{server}\{share}",
    "three-backslashes": r"\\\{server}\{share}",
    "slashes": "//{server}/{share}",
}
"""Paths that have not the form of 2.2.9, by what is wrong with them."""

FORBIDDEN_CHARACTERS: Final = {"colon": ":", "star": "*", "quote": '"', "slash": "/", "control": "\x01"}
"""Some of those that no share name has ([MS-FSCC] 2.1.6)."""

CONTEXTS: Final = {
    "none": (),
    "reserved": (NegotiateContext(TreeConnectContextType.RESERVED, b"nothing "),),
    "unknown": (NegotiateContext(0x7777, b"whatever"),),
}
"""What a tree connect extension may carry that asks for nothing."""


def field(offset: int, value: int) -> Tamper:
    """Put a 16-bit value into the message before it is signed."""
    return Tamper(unsigned=lambda raw: FIELD.pack_into(raw, offset, value))


def extension(contexts: Sequence[NegotiateContext]) -> Tamper:
    """Give a TREE_CONNECT the extension of 3.1.1, with these contexts."""

    def extend(message: Message) -> None:
        body = message.body
        assert isinstance(body, TreeConnectRequest)
        body.flags |= TreeConnectFlags.EXTENSION_PRESENT
        body.tree_connect_contexts = list(contexts)

    return Tamper(message=extend)


@case(
    "tree.unknown-share",
    requirements=["SMB2-3.3.5.7-03"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.slip-tree-connect-status"],
)
def test_a_share_that_is_not_there(lab: Lab) -> None:
    """A share that does not exist is not found; no name comes near: not IPC without its sign either."""
    session = lab.logon()
    for share in ("nosuchshare", "IPC", f"{lab.share()}$", "x" * LONGEST_SHARE):
        check(session.tree_connect(share), specification=Status.BAD_NETWORK_NAME)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.forbidden-share",
    requirements=["SMB2-3.3.5.7-05"],
    needs=[FORBIDDEN_SHARE],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.slip-tree-connect-status"],
)
def test_a_share_without_permission(lab: Lab) -> None:
    """Who may not connect to a share is refused, and has the share beside it."""
    session = lab.logon()
    check(session.tree_connect(ShareRole.FORBIDDEN), specification=Status.ACCESS_DENIED)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.path-form",
    requirements=["SMB2-3.3.5.7-02"],
    variants={"path": list(NOT_A_UNC)},
    answers=["smbtorture:hole.slip-tree-connect-status"],
)
def test_a_path_that_is_none(lab: Lab, path: str) -> None:
    r"""A path that is not of the form \\server\share is refused."""
    session = lab.logon()
    text = NOT_A_UNC[path].format(server=lab.target.server_name, share=lab.share())
    answer = session.tree_connect(path=text)
    check(
        answer,
        specification=Status.INVALID_PARAMETER,
        samba=[Status.SUCCESS, Status.BAD_NETWORK_NAME],
    )
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.path-characters",
    requirements=["SMB2-3.3.5.7-20"],
    variants={"character": list(FORBIDDEN_CHARACTERS)},
    answers=["smbtorture:hole.slip-tree-connect-status"],
)
def test_a_share_name_that_is_none(lab: Lab, character: str) -> None:
    """A share name with a character that share names do not have is refused."""
    session = lab.logon()
    answer = session.tree_connect(f"no{FORBIDDEN_CHARACTERS[character]}share")
    check(answer, specification=Status.INVALID_PARAMETER, samba=Status.BAD_NETWORK_NAME)
    check(
        session.tree_connect("noshare"), requirement="SMB2-3.3.5.7-20", specification=Status.BAD_NETWORK_NAME
    )
    check.alive(session)


@case("tree.path-too-long", requirements=["SMB2-3.3.5.7-20"], variants={"too_long": ["server", "share"]})
def test_a_name_that_is_too_long(lab: Lab, too_long: str) -> None:
    """A server of 256 characters or a share of 81 is refused; a share that has 80 is merely not there."""
    session = lab.logon()
    if too_long == "server":
        answer = session.tree_connect(path=rf"\\{'x' * (LONGEST_SERVER + 1)}\{lab.share()}")
    else:
        answer = session.tree_connect("x" * (LONGEST_SHARE + 1))
    check(answer, specification=Status.INVALID_PARAMETER, samba=[Status.SUCCESS, Status.BAD_NETWORK_NAME])
    check(session.tree_connect("x" * LONGEST_SHARE), specification=Status.BAD_NETWORK_NAME)
    check.alive(session)


@case(
    "tree.path-outside",
    requirements=["SMB2-3.3.5.7-02"],
    variants={"what": ["offset-behind", "offset-huge", "length-beyond", "length-odd"]},
)
def test_a_path_that_is_not_in_the_message(lab: Lab, what: str) -> None:
    """A path that lies outside of the message, or ends within a character, is refused."""
    session = lab.logon()
    length = 2 * len(rf"\\{lab.target.server_name}\{lab.share()}")
    change = {
        "offset-behind": field(PATH_OFFSET_OFFSET, PATH_LENGTH_OFFSET + 2 + length + 8),
        "offset-huge": field(PATH_OFFSET_OFFSET, 0xFFFE),
        "length-beyond": field(PATH_LENGTH_OFFSET, length + 64),
        "length-odd": field(PATH_LENGTH_OFFSET, length - 1),
    }[what]
    answer = session.tree_connect(tamper=change)
    check(answer, specification=Status.INVALID_PARAMETER, samba=Status.ILLEGAL_CHARACTER)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.server-name",
    requirements=["SMB2-3.3.5.7-04"],
    variants={"server": ["address", "localhost", "upper-case", "lower-case"]},
)
def test_a_server_has_many_names(lab: Lab, server: str) -> None:
    """A share is found under the server's address, any case of its name, and the name that each host has."""
    session = lab.logon()
    name = {
        "address": lab.addresses[0].host,
        "localhost": "localhost",
        "upper-case": lab.target.server_name.upper(),
        "lower-case": lab.target.server_name.lower(),
    }[server]
    answer = session.tree_connect(path=rf"\\{name}\{lab.share()}")
    check(answer, specification=Status.SUCCESS)
    check(answer.tree.create(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.unsigned",
    requirements=["SMB2-3.3.5.7-01"],
    needs=[SMB311, SIGNING_OPTIONAL, CLEAR_SESSIONS],
)
def test_3_1_1_wants_a_signature(lab: Lab) -> None:
    """With 3.1.1 a TREE_CONNECT of a known user that is neither signed nor encrypted ends the connection."""
    session, other = lab.logon(), lab.logon()
    check(session.tree_connect(sign=True), specification=Status.SUCCESS)
    session.connection.ended_on_purpose = True
    check(
        session.tree_connect(sign=False),
        specification=DISCONNECT,
        samba=Status.ACCESS_DENIED,
        ksmbd=Status.SUCCESS,
    )
    check.alive(other)


@case(
    "tree.unsigned-on-a-channel",
    requirements=["SMB2-3.3.5.7-01"],
    needs=[SMB311, SIGNING_OPTIONAL, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"number": [0, 1]},
)
def test_3_1_1_wants_a_signature_on_every_channel(lab: Lab, number: int) -> None:
    """The unsigned TREE_CONNECT ends the channel it came over; the session lives on the other."""
    session = lab.logon()
    session.add_channel()
    here, there = session.channels[number], session.channels[1 - number]
    file = session.tree(on=here).open(on=here)
    here.ended_on_purpose = True
    check(
        session.tree_connect(on=here, sign=False),
        specification=DISCONNECT,
        samba=Status.ACCESS_DENIED,
        ksmbd=Status.SUCCESS,
    )
    check(file.write(b"still here", on=there), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.unsigned-before-3-1-1",
    requirements=["SMB2-3.3.5.7-01"],
    needs=[SIGNING_OPTIONAL],
    variants={"dialect": BELOW_3_1_1},
)
def test_earlier_dialects_want_no_signature(lab: Lab) -> None:
    """Before 3.1.1 a TREE_CONNECT need not be signed where no signatures are required."""
    session = lab.logon()
    answer = session.tree_connect(sign=False)
    check(answer, specification=Status.SUCCESS)
    check(answer.tree.create(), specification=Status.SUCCESS)
    check.alive(session)


@case("tree.sealed-is-enough", requirements=["SMB2-3.3.5.7-22"], needs=[SMB311, ENCRYPTION])
def test_an_encrypted_tree_connect_needs_no_signature(lab: Lab) -> None:
    """With 3.1.1 a TREE_CONNECT that is encrypted is served, although there is no signature in it."""
    session = lab.logon()
    check(session.tree_connect(encrypt=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.guest-unsigned",
    requirements=["SMB2-3.3.5.7-22"],
    needs=[SMB311, GUEST, SIGNING_OPTIONAL, CLEAR_SESSIONS],
)
def test_a_guest_need_not_sign(lab: Lab) -> None:
    """With 3.1.1 an unsigned TREE_CONNECT of a guest does not end the connection."""
    session = lab.logon(guest=True)
    answer = session.tree_connect("IPC$", sign=False)
    check(answer, specification=Status.SUCCESS, permitted_refused=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "tree.anonymous-unsigned",
    requirements=["SMB2-3.3.5.7-22"],
    needs=[SMB311, ANONYMOUS, SIGNING_OPTIONAL, CLEAR_SESSIONS],
)
def test_nobody_need_sign(lab: Lab) -> None:
    """With 3.1.1 an unsigned TREE_CONNECT of an anonymous session does not end the connection."""
    session = lab.logon(anonymous=True)
    answer = session.tree_connect("IPC$", sign=False)
    check(answer, specification=Status.SUCCESS, permitted_refused=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "tree.cluster-flags",
    requirements=["SMB2-3.3.5.7-19"],
    needs=[SMB311],
    variants={
        "flags": [
            TreeConnectFlags.CLUSTER_RECONNECT,
            TreeConnectFlags.REDIRECT_TO_OWNER,
            TreeConnectFlags.CLUSTER_RECONNECT | TreeConnectFlags.REDIRECT_TO_OWNER,
        ]
    },
)
def test_flags_for_clusters_mean_nothing_elsewhere(lab: Lab, flags: TreeConnectFlags) -> None:
    """Who can reconnect to a cluster or be redirected connects to a share that is on none as everybody."""
    session = lab.logon()
    answer = session.tree_connect(tamper=field(FLAGS_OFFSET, flags))
    check(answer, specification=Status.SUCCESS)
    check(answer.tree.create(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.flags-before-3-1-1",
    requirements=["SMB2-2.2.9-01"],
    variants={"dialect": BELOW_3_1_1, "flags": [0x0001, 0x0002, 0x0004, 0xFFFF]},
)
def test_flags_mean_nothing_before_3_1_1(lab: Lab, flags: int) -> None:
    """Before 3.1.1 the field that holds the flags now is reserved, and ignored: the path is where it was."""
    session = lab.logon()
    answer = session.tree_connect(tamper=field(FLAGS_OFFSET, flags))
    check(answer, specification=Status.SUCCESS)
    check(answer.tree.create(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "tree.extension",
    requirements=["SMB2-3.3.5.7-17"],
    needs=[SMB311],
    variants={"contexts": list(CONTEXTS)},
)
def test_a_tree_connect_has_an_extension(lab: Lab, contexts: str) -> None:
    """A TREE_CONNECT with the extension of 3.1.1 finds its share, by the path behind the extension."""
    session = lab.logon()
    answer = session.tree_connect(tamper=extension(CONTEXTS[contexts]))
    check(answer, specification=Status.SUCCESS, permitted_not_implemented=Status.INVALID_PARAMETER)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)
