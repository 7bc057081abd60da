"""The named policies: the specification, and products that are documented to differ from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from smbtorture_py.server.policies import Policies
from smbtorture_py.server.policies.samba import (
    SambaAsyncPolicy,
    SambaBindPolicy,
    SambaCompoundPolicy,
    SambaEncryptionPolicy,
    SambaSessionPolicy,
    SambaSigningPolicy,
)
from smbtorture_py.server.policies.samba_durable import (
    SambaAppInstancePolicy,
    SambaConnectionLossPolicy,
    SambaDurablePolicy,
    SambaReconnectPolicy,
    SambaReplayPolicy,
    SambaResiliencyPolicy,
)
from smbtorture_py.server.policies.samba_files import (
    SambaChannelSequencePolicy,
    SambaCreatePolicy,
    SambaFileControlPolicy,
    SambaInformationPolicy,
    SambaLockPolicy,
    SambaNotifyPolicy,
    SambaOplockPolicy,
    SambaReadWritePolicy,
)
from smbtorture_py.server.policies.samba_ioctl import SambaInterfacePolicy, SambaIoctlPolicy
from smbtorture_py.server.policies.samba_lease import SambaLeasePolicy
from smbtorture_py.server.policies.samba_negotiate import (
    SambaMessagePolicy,
    SambaNegotiatePolicy,
    SambaValidateNegotiatePolicy,
)
from smbtorture_py.server.policies.samba_tree import SambaTreePolicy
from smbtorture_py.server.policies.windows import (
    WindowsAsyncPolicy,
    WindowsBindPolicy,
    WindowsCompoundPolicy,
    WindowsEncryptionPolicy,
    WindowsSessionPolicy,
    WindowsSigningPolicy,
)
from smbtorture_py.server.policies.windows_durable import (
    WindowsConnectionLossPolicy,
    WindowsDurablePolicy,
    WindowsReconnectPolicy,
    WindowsReplayPolicy,
)
from smbtorture_py.server.policies.windows_files import (
    WindowsCreatePolicy,
    WindowsInformationPolicy,
    WindowsLockPolicy,
    WindowsNotifyPolicy,
    WindowsOplockPolicy,
    WindowsReadWritePolicy,
)
from smbtorture_py.server.policies.windows_lease import WindowsLeasePolicy
from smbtorture_py.server.policies.windows_negotiate import WindowsNegotiatePolicy


def windows() -> Policies:
    """Windows Server, by its documentation."""
    return Policies(
        asynchronous=WindowsAsyncPolicy(),
        signing=WindowsSigningPolicy(),
        bind=WindowsBindPolicy(),
        session=WindowsSessionPolicy(),
        compound=WindowsCompoundPolicy(),
        encryption=WindowsEncryptionPolicy(),
        negotiate=WindowsNegotiatePolicy(),
        connection_loss=WindowsConnectionLossPolicy(),
        create=WindowsCreatePolicy(),
        durable=WindowsDurablePolicy(),
        reconnect=WindowsReconnectPolicy(),
        replay=WindowsReplayPolicy(),
        read_write=WindowsReadWritePolicy(),
        information=WindowsInformationPolicy(),
        lock=WindowsLockPolicy(),
        notify=WindowsNotifyPolicy(),
        oplock=WindowsOplockPolicy(),
        lease=WindowsLeasePolicy(),
    )


def samba() -> Policies:
    """Samba, by its source."""
    return Policies(
        asynchronous=SambaAsyncPolicy(),
        signing=SambaSigningPolicy(),
        encryption=SambaEncryptionPolicy(),
        bind=SambaBindPolicy(),
        compound=SambaCompoundPolicy(),
        message=SambaMessagePolicy(),
        negotiate=SambaNegotiatePolicy(),
        validate_negotiate=SambaValidateNegotiatePolicy(),
        session=SambaSessionPolicy(),
        tree=SambaTreePolicy(),
        ioctl=SambaIoctlPolicy(),
        interface=SambaInterfacePolicy(),
        channel_sequence=SambaChannelSequencePolicy(),
        connection_loss=SambaConnectionLossPolicy(),
        create=SambaCreatePolicy(),
        durable=SambaDurablePolicy(),
        reconnect=SambaReconnectPolicy(),
        replay=SambaReplayPolicy(),
        app_instance=SambaAppInstancePolicy(),
        resiliency=SambaResiliencyPolicy(),
        file_control=SambaFileControlPolicy(),
        read_write=SambaReadWritePolicy(),
        information=SambaInformationPolicy(),
        lock=SambaLockPolicy(),
        notify=SambaNotifyPolicy(),
        oplock=SambaOplockPolicy(),
        lease=SambaLeasePolicy(),
    )


POLICIES: Final[Mapping[str, Callable[[], Policies]]] = MappingProxyType(
    {"specification": Policies, "windows": windows, "samba": samba}
)
"""By name."""
