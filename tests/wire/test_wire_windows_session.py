"""A Windows client's session with a Windows server, over four connections, carried out against the policy
`windows`: each request as it was sent, each answer compared with the one Windows gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import Final

import pytest
from wire_pcap import frames_in_order

from smbtorture_py.api import PromptLab, check, open_lab
from smbtorture_py.client.connection import Submission
from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.lab import LabConnection, LabSession, LabTree
from smbtorture_py.targets.reference import ReferenceControl
from smbtorture_py.wire.chain import decode_entries
from smbtorture_py.wire.codec import FILE_ID_ANY, Body, FileId
from smbtorture_py.wire.create import CreateResponse
from smbtorture_py.wire.create_contexts import (
    DurableHandleResponseV2,
    QueryMaximalAccessResponse,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.file_requests import about, file_id_of
from smbtorture_py.wire.fscc.directory_information import FileIdBothDirectoryInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.message import Direction, Message, decode_chain
from smbtorture_py.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbtorture_py.wire.oplock_break import LeaseBreakNotification
from smbtorture_py.wire.query_directory import QueryDirectoryResponse
from smbtorture_py.wire.query_info import QueryInfoResponse
from smbtorture_py.wire.read import ReadResponse
from smbtorture_py.wire.session_setup import (
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import status_name
from smbtorture_py.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from smbtorture_py.wire.write import WriteResponse

CAPTURE = Path(__file__).resolve().parents[3] / "shared" / "captures" / "zeek-smb3_multichannel.pcap"
PORT: Final = 445
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "policies.md"

pytestmark = pytest.mark.skipif(
    not CAPTURE.exists(), reason="no captures in ../shared/captures next to the repository"
)


@dataclass
class Rerun:
    """The session, carried out as the capture goes by."""

    lab: PromptLab
    differences: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    connections: dict[int, LabConnection] = field(default_factory=dict)
    sent: dict[tuple[int, int], Exchange] = field(default_factory=dict)
    """By connection and MessageId of the capture."""
    file_ids: dict[FileId, FileId] = field(default_factory=dict)
    breaks: dict[int, int] = field(default_factory=dict)
    session: LabSession | None = None
    tree: LabTree | None = None

    def differ(self, what: str) -> None:
        self.differences[what] = self.differences.get(what, 0) + 1

    def compare(self, what: str, windows: object, ours: object) -> None:
        self.compared += 1
        if windows != ours:
            shown = [int(one) if isinstance(one, IntFlag) else one for one in (windows, ours)]
            self.differ(f"{what}: Windows {shown[0]}, here {shown[1]}")

    # Requests

    def request(self, number: int, messages: list[Message]) -> None:
        first = messages[0]
        if isinstance(first.body, NegotiateRequest):
            self.negotiate(number, first)
        elif isinstance(first.body, SessionSetupRequest):
            self.authenticate(number, first)
        elif isinstance(first.body, TreeConnectRequest):
            assert self.session is not None
            answer = self.session.tree_connect(
                on=self.connections[number], sign=True, tamper=Tamper(header=priority(first))
            )
            self.tree = answer.tree
            self.sent[number, first.header.message_id] = answer.exchange
        else:
            self.submit(number, messages)

    def negotiate(self, number: int, message: Message) -> None:
        body = message.body
        assert isinstance(body, NegotiateRequest)
        connection = self.lab.open_connection(name=f"captured-{number}", client_guid=bytes(body.client_guid))
        answer = connection.negotiate(
            dialects=body.dialects,
            security_mode=body.security_mode,
            capabilities=body.capabilities,
            client_guid=bytes(body.client_guid),
            contexts=body.negotiate_contexts,
            tamper=Tamper(header=priority(message)),
        )
        self.connections[number] = connection
        self.sent[number, message.header.message_id] = answer.exchange

    def authenticate(self, number: int, message: Message) -> None:
        """Do all legs when the first one comes by: the tokens are those of another user."""
        if (number, message.header.message_id) in self.sent:
            return
        connection, body = self.connections[number], message.body
        assert isinstance(body, SessionSetupRequest)
        tamper = Tamper(header=priority(message))
        if self.session is None:
            answer = connection.session_setup(signed=False, tamper=tamper)
            self.session = answer.session
        elif body.flags & SessionSetupFlags.BINDING:
            answer = connection.bind(self.session, tamper=tamper)
        else:
            # The client tries a null session, now and then.
            answer = connection.session_setup(anonymous=True, signed=False, tamper=tamper)
        for leg, exchange in enumerate(answer.legs):
            self.sent[number, message.header.message_id + leg] = exchange

    def submit(self, number: int, messages: list[Message]) -> None:
        assert self.session is not None and self.tree is not None
        chain = []
        for message in messages:
            header = message.header
            chain.append(
                Submission(
                    body=self.translated(message.body),
                    session=self.session.core,
                    tree=self.tree.core,
                    flags=HeaderFlags(header.flags & ~HeaderFlags.SIGNED),
                    sign=header.has(HeaderFlags.SIGNED),
                    channel_sequence=header.channel_sequence,
                    credit_charge=header.credit_charge,
                )
            )
        exchanges = self.connections[number].core.submit_compound(chain)
        for message, exchange in zip(messages, exchanges, strict=True):
            self.sent[number, message.header.message_id] = exchange

    def translated(self, body: Body) -> Body:
        """The same request about the open that we have in place of Windows'."""
        file_id = file_id_of(body)
        if file_id is None or file_id == FILE_ID_ANY:
            return body
        return about(body, self.file_ids[file_id])

    # Answers

    def response(self, number: int, message: Message) -> None:
        header = message.header
        if isinstance(message.body, LeaseBreakNotification):
            self.lease_break(number, message.body)
            return
        exchange = self.sent.pop((number, header.message_id))
        self.lab.wait(lambda: exchange.done)
        name = Command(header.command).name
        assert exchange.response is not None, f"{name}: no answer"
        ours = exchange.response
        about_what = f"{name}{described(exchange.request.body)}"
        self.compare(f"{about_what} status", status_name(header.status), status_name(ours.header.status))
        self.compare(f"{about_what} flags", HeaderFlags(header.flags), HeaderFlags(ours.header.flags))
        if type(message.body) is type(ours.body):
            for field_name, theirs, mine in compared_fields(exchange.request.body, message.body, ours.body):
                self.compare(f"{about_what} {field_name}", theirs, mine)
        if isinstance(message.body, CreateResponse) and isinstance(ours.body, CreateResponse):
            self.file_ids[message.body.file_id] = ours.body.file_id

    def lease_break(self, number: int, theirs: LeaseBreakNotification) -> None:
        seen = self.breaks.get(number, 0)
        found = self.connections[number].wait_notification(LeaseBreakNotification, after=seen)
        self.breaks[number] = seen + 1
        if found is None:
            self.differ("a lease break that does not come")
            return
        mine = found.body
        assert isinstance(mine, LeaseBreakNotification)
        for name in ("new_epoch", "flags", "lease_key", "current_lease_state", "new_lease_state"):
            self.compare(f"LEASE_BREAK {name}", getattr(theirs, name), getattr(mine, name))


def priority(captured: Message) -> Callable[[Header], None]:
    """Give a request the priority that the captured one had."""

    def apply(header: Header) -> None:
        header.flags |= captured.header.flags & HeaderFlags.PRIORITY_MASK

    return apply


def described(body: Body) -> str:
    """What tells requests of one command apart."""
    if isinstance(body, SetInfoRequest):
        return f" {FileInformationClass(body.file_info_class).name}"
    info_type = getattr(body, "info_type", None)
    if info_type == InfoType.FILE:
        return f" {FileInformationClass(body.file_info_class).name}"
    return "" if info_type is None else f" {InfoType(info_type).name}"


def compared_fields(request: Body, theirs: Body, ours: Body) -> Iterator[tuple[str, object, object]]:
    """The fields that say what was done and granted, without times, ids and what belongs to a machine."""
    names: tuple[str, ...] = ()
    if isinstance(theirs, NegotiateResponse):
        names = ("dialect_revision", "security_mode", "capabilities", "max_transact_size", "max_read_size")
    elif isinstance(theirs, SessionSetupResponse):
        names = ("session_flags",)
    elif isinstance(theirs, TreeConnectResponse):
        names = ("share_type", "share_flags", "capabilities", "maximal_access")
    elif isinstance(theirs, WriteResponse):
        names = ("count",)
    elif isinstance(theirs, CreateResponse):
        names = ("oplock_level", "flags", "create_action", "file_attributes", "end_of_file")
    for name in names:
        yield name, getattr(theirs, name), getattr(ours, name)
    if isinstance(theirs, NegotiateResponse) and isinstance(ours, NegotiateResponse):
        kinds = [[one.context_type for one in body.negotiate_contexts] for body in (theirs, ours)]
        yield "contexts", *kinds
    if isinstance(theirs, CreateResponse) and isinstance(ours, CreateResponse):
        yield "contexts", *(sorted(one.name for one in body.contexts) for body in (theirs, ours))
        for payload, fields in GRANTED.items():
            granted = [find(body.contexts, payload, []) for body in (theirs, ours)]
            if None not in granted:
                for name in fields:
                    yield f"{payload.__name__}.{name}", *(getattr(one, name) for one in granted)
    if isinstance(theirs, ReadResponse) and isinstance(ours, ReadResponse):
        yield "length", len(theirs.data), len(ours.data)
    if isinstance(theirs, QueryInfoResponse) and isinstance(ours, QueryInfoResponse):
        yield "length", len(theirs.output_buffer), len(ours.output_buffer)
    if isinstance(theirs, QueryDirectoryResponse) and isinstance(ours, QueryDirectoryResponse):
        yield "names", *([one.file_name for one in entries(body)] for body in (theirs, ours))


GRANTED: Final = {
    ResponseLeaseV2: ("lease_key", "lease_state", "flags", "epoch", "parent_lease_key"),
    DurableHandleResponseV2: ("timeout", "flags"),
    QueryMaximalAccessResponse: ("query_status", "maximal_access"),
}


def entries(body: QueryDirectoryResponse) -> list[FileIdBothDirectoryInformation]:
    return decode_entries(FileIdBothDirectoryInformation, body.output_buffer, [])


def captured() -> Iterator[tuple[int, bool, list[Message]]]:
    for number, is_request, frame in frames_in_order(CAPTURE, PORT):
        direction = Direction.REQUEST if is_request else Direction.RESPONSE
        yield number, is_request, decode_chain(frame, direction, [])


def prepare(lab: PromptLab) -> None:
    """Make the files that the listing shows, with their sizes."""
    tree = lab.another_client().tree()
    for _, is_request, messages in captured():
        for message in messages:
            if is_request or not isinstance(message.body, QueryDirectoryResponse):
                continue
            for entry in entries(message.body):
                if entry.file_name in (".", ".."):
                    continue
                opened = tree.open(entry.file_name, file_attributes=int(entry.file_attributes))
                end = entry.end_of_file.to_bytes(8, "little")
                opened.set_info(
                    InfoType.FILE, FileInformationClass.FILE_END_OF_FILE_INFORMATION, end
                ).required()
                opened.close().required()
            return


def configure(lab: PromptLab) -> None:
    """Offer what this Windows server offers: it is not part of a cluster."""
    assert isinstance(lab.control, ReferenceControl)
    lab.control.server.config.persistent_handles = False


def explained() -> list[str]:
    """What the page says the answers differ in."""
    rows = [
        line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    return [row[1].strip() for row in rows[2:]]


def test_windows_answers_are_ours() -> None:
    with open_lab("reference@windows", seed=1) as lab:
        prepare(lab)
        lab.administration.refuse_anonymous()
        configure(lab)
        rerun = Rerun(lab)
        for number, is_request, messages in captured():
            if is_request:
                rerun.request(number, messages)
            else:
                for message in messages:
                    rerun.response(number, message)
        for what, count in rerun.differences.items():
            print(count, what)
        assert rerun.compared > 1800
        assert sorted(rerun.differences) == sorted(explained())
        check.alive(rerun.session)
