"""The stateful machinery of the server, as a set of classes that a defect can replace one by one."""

from __future__ import annotations

from dataclasses import dataclass

from smbtorture_py.server.parts.authenticator import Authenticator
from smbtorture_py.server.parts.blocked_channels import BlockedChannels
from smbtorture_py.server.parts.break_check import BreakCheck
from smbtorture_py.server.parts.break_delivery import BreakDelivery
from smbtorture_py.server.parts.change_notifier import ChangeNotifier
from smbtorture_py.server.parts.channel_table import ChannelTable
from smbtorture_py.server.parts.command_sequence_window import CommandSequenceWindow
from smbtorture_py.server.parts.create_guid_table import CreateGuidTable
from smbtorture_py.server.parts.durable_opens import DurableOpens
from smbtorture_py.server.parts.file_table import FileTable
from smbtorture_py.server.parts.interface_list import InterfaceList
from smbtorture_py.server.parts.key_deriver import KeyDeriver
from smbtorture_py.server.parts.lease_tables import LeaseTables
from smbtorture_py.server.parts.lock_table import LockTable
from smbtorture_py.server.parts.message_encryptor import MessageEncryptor
from smbtorture_py.server.parts.oplock_scheduler import OplockScheduler
from smbtorture_py.server.parts.persistent_opens import PersistentOpens
from smbtorture_py.server.parts.preauth_hasher import PreauthHasher
from smbtorture_py.server.parts.signer import Signer


@dataclass(slots=True, frozen=True)
class Parts:
    """The class of every part; the server makes its instances from these."""

    command_sequence_window: type[CommandSequenceWindow] = CommandSequenceWindow
    """One per connection."""
    channel_table: type[ChannelTable] = ChannelTable
    """One per session."""
    signer: type[Signer] = Signer
    message_encryptor: type[MessageEncryptor] = MessageEncryptor
    preauth_hasher: type[PreauthHasher] = PreauthHasher
    key_deriver: type[KeyDeriver] = KeyDeriver
    authenticator: type[Authenticator] = Authenticator
    interface_list: type[InterfaceList] = InterfaceList
    file_table: type[FileTable] = FileTable
    lock_table: type[LockTable] = LockTable
    """One per open stream."""
    break_check: type[BreakCheck] = BreakCheck
    break_delivery: type[BreakDelivery] = BreakDelivery
    lease_tables: type[LeaseTables] = LeaseTables
    oplock_scheduler: type[OplockScheduler] = OplockScheduler
    change_notifier: type[ChangeNotifier] = ChangeNotifier
    create_guid_table: type[CreateGuidTable] = CreateGuidTable
    durable_opens: type[DurableOpens] = DurableOpens
    persistent_opens: type[PersistentOpens] = PersistentOpens
    blocked_channels: type[BlockedChannels] = BlockedChannels
