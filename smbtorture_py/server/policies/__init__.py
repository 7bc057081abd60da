"""Every choice of the server, one class per area; the base classes are MS-SMB2 plus the errata of
docs/errata.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smbtorture_py.server.policies.app_instance import AppInstancePolicy
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.channel_sequence import ChannelSequencePolicy
from smbtorture_py.server.policies.compound import CompoundPolicy
from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.server.policies.create import CreatePolicy
from smbtorture_py.server.policies.credit import CreditPolicy
from smbtorture_py.server.policies.directory import DirectoryPolicy
from smbtorture_py.server.policies.durable import DurablePolicy
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.file_control import FileControlPolicy
from smbtorture_py.server.policies.information import InformationPolicy
from smbtorture_py.server.policies.ioctl import InterfacePolicy, IoctlPolicy, ValidateNegotiatePolicy
from smbtorture_py.server.policies.lease import LeasePolicy
from smbtorture_py.server.policies.lock import LockPolicy
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.server.policies.notify import NotifyPolicy
from smbtorture_py.server.policies.oplock import OplockPolicy
from smbtorture_py.server.policies.read_write import ReadWritePolicy
from smbtorture_py.server.policies.reconnect import ReconnectPolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.server.policies.resiliency import ResiliencyPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.server.policies.tree import TreePolicy


@dataclass(slots=True, frozen=True)
class Policies:
    """One policy per area; as it stands, the specification's."""

    message: MessagePolicy = field(default_factory=MessagePolicy)
    credit: CreditPolicy = field(default_factory=CreditPolicy)
    compound: CompoundPolicy = field(default_factory=CompoundPolicy)
    asynchronous: AsyncPolicy = field(default_factory=AsyncPolicy)
    signing: SigningPolicy = field(default_factory=SigningPolicy)
    encryption: EncryptionPolicy = field(default_factory=EncryptionPolicy)
    negotiate: NegotiatePolicy = field(default_factory=NegotiatePolicy)
    session: SessionPolicy = field(default_factory=SessionPolicy)
    bind: BindPolicy = field(default_factory=BindPolicy)
    channel_sequence: ChannelSequencePolicy = field(default_factory=ChannelSequencePolicy)
    tree: TreePolicy = field(default_factory=TreePolicy)
    ioctl: IoctlPolicy = field(default_factory=IoctlPolicy)
    interface: InterfacePolicy = field(default_factory=InterfacePolicy)
    validate_negotiate: ValidateNegotiatePolicy = field(default_factory=ValidateNegotiatePolicy)
    connection_loss: ConnectionLossPolicy = field(default_factory=ConnectionLossPolicy)
    create: CreatePolicy = field(default_factory=CreatePolicy)
    durable: DurablePolicy = field(default_factory=DurablePolicy)
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    replay: ReplayPolicy = field(default_factory=ReplayPolicy)
    app_instance: AppInstancePolicy = field(default_factory=AppInstancePolicy)
    resiliency: ResiliencyPolicy = field(default_factory=ResiliencyPolicy)
    oplock: OplockPolicy = field(default_factory=OplockPolicy)
    lease: LeasePolicy = field(default_factory=LeasePolicy)
    read_write: ReadWritePolicy = field(default_factory=ReadWritePolicy)
    lock: LockPolicy = field(default_factory=LockPolicy)
    information: InformationPolicy = field(default_factory=InformationPolicy)
    directory: DirectoryPolicy = field(default_factory=DirectoryPolicy)
    notify: NotifyPolicy = field(default_factory=NotifyPolicy)
    file_control: FileControlPolicy = field(default_factory=FileControlPolicy)
