"""Which messages must be sealed and which are ([MS-SMB2] 3.3.5.2.1.1, 3.3.5.2.9, 3.3.5.2.11, 3.3.4.1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.config import Encryption
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TRANSFORM_HEADER_SIZE

if TYPE_CHECKING:
    from smbtorture_py.server.config import ServerConfig
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import Share, TreeConnect

_SESSION_LESS: Final = (Command.NEGOTIATE, Command.SESSION_SETUP)
_BEFORE_TREE: Final = (Command.NEGOTIATE, Command.SESSION_SETUP, Command.TREE_CONNECT)
FLAG_ENCRYPTED: Final = 0x0001


class EncryptionPolicy:
    """The choices around sealing."""

    def is_supported(self, config: ServerConfig) -> bool:
        """IsEncryptionSupported (3.3.1.5)."""
        return config.encryption is not Encryption.OFF

    def encrypt_data(self, config: ServerConfig) -> bool:
        """Global EncryptData (3.3.1.5)."""
        return config.encryption is Encryption.REQUIRED

    def connection_can_open(self, connection: Connection) -> bool:
        """Whether sealed messages are taken at all on this connection (3.3.5.2.1.1).

        Erratum 2: the text asks for a CipherId, which 3.0 and 3.0.2 do not negotiate; there the capability
        counts.
        """
        if not connection.is_3x or not self.is_supported(connection.server.config):
            return False
        return self.cipher_of(connection) != Cipher.NONE

    def cipher_of(self, connection: Connection) -> int:
        """The cipher of a connection: CipherId with 3.1.1, AES-128-CCM with 3.0 and 3.0.2 (3.3.5.2.1.1)."""
        if connection.is_311:
            return connection.cipher_id
        if Capabilities.ENCRYPTION in connection.server_capabilities:
            return Cipher.AES_128_CCM
        return Cipher.NONE

    def short_frame_ends_connection(self, length: int) -> bool:
        """Whether a frame of this length holds no more than a TRANSFORM_HEADER, which ends the connection
        (3.3.5.2.1.1)."""
        return length <= TRANSFORM_HEADER_SIZE

    def flags_are_right(self, flags: int) -> bool:
        """Flags/EncryptionAlgorithm of a TRANSFORM_HEADER must be 1, else the connection ends
        (3.3.5.2.1.1)."""
        return flags == FLAG_ENCRYPTED

    def opening_session(self, connection: Connection, session_id: int) -> Session | None:
        """The session whose key opens a message; none ends the connection (3.3.5.2.1.1)."""
        return connection.session_table.get(session_id)

    def constrained_ends_connection(self, connection: Connection) -> bool:
        """A sealed request before any user has authenticated ends the connection (3.3.5.2.1.1)."""
        return connection.constrained_connection

    def unauthenticated_ends_connection(self, session: Session) -> bool:
        """A sealed request of a guest or anonymous session ends the connection (SHOULD, 3.3.5.2.1.1)."""
        return session.is_anonymous or session.is_guest

    def size_ends_connection(self, announced: int, length: int) -> bool:
        """Whether OriginalMessageSize and the length of the decrypted message end the connection (SHOULD,
        3.3.5.2.1.1)."""
        return announced != length

    def unopened_ends_connection(self, connection: Connection) -> bool:
        """Whether a sealed message that is not taken ends the connection, rather than being dropped
        (3.3.5.2.1.1)."""
        del connection
        return True

    def reserved_ends_connection(self, reserved: int) -> bool:
        """Whether Reserved of a TRANSFORM_HEADER matters: it is ignored (2.2.41)."""
        del reserved
        return False

    def member_ends_connection(self, header: Header, sealed_session_id: int, *, is_first: bool) -> bool:
        """Whether the header of a request inside a sealed message ends the connection (3.3.5.2.1.1)."""
        is_related = header.has(HeaderFlags.RELATED_OPERATIONS)
        if is_first:
            return self.first_related_ends_connection(is_related) or self.first_id_ends_connection(
                header.session_id, sealed_session_id
            )
        return not is_related and self.later_id_ends_connection(header.session_id, sealed_session_id)

    def first_related_ends_connection(self, is_related: bool) -> bool:
        """Whether the first or only request must not be marked as related (3.3.5.2.1.1)."""
        return is_related

    def first_id_ends_connection(self, session_id: int, sealed_session_id: int) -> bool:
        """Whether the SessionId of the first or only request must be that of the TRANSFORM_HEADER
        (3.3.5.2.1.1)."""
        return session_id != sealed_session_id

    def later_id_ends_connection(self, session_id: int, sealed_session_id: int) -> bool:
        """Whether so must that of a later unrelated request (3.3.5.2.1.1)."""
        return session_id != sealed_session_id

    def inside_session_status(self, request: Request) -> Status:
        """SUCCESS, or what a sealed request fails with whose SessionId is not that of the TRANSFORM_HEADER;
        here such a message has ended the connection before."""
        del request
        return Status.SUCCESS

    def unencrypted_session_status(self, request: Request, session: Session) -> Status:
        """SUCCESS, or what an unsealed request of a session that encrypts fails with (3.3.5.2.9)."""
        connection = request.connection
        if not connection.is_3x or not session.encrypt_data or request.is_encrypted:
            return Status.SUCCESS
        if self.server_supports_311(connection) or connection.server.config.reject_unencrypted_access:
            return Status.ACCESS_DENIED
        return Status.SUCCESS

    def unencrypted_tree_status(self, request: Request, tree: TreeConnect) -> Status:
        """SUCCESS, or what an unsealed request on a share that encrypts fails with (3.3.5.2.11)."""
        connection = request.connection
        if not connection.is_3x:
            return Status.SUCCESS
        config = connection.server.config
        can_encrypt = Capabilities.ENCRYPTION in connection.server_capabilities
        wanted = tree.share.encrypt_data or self.encrypt_data(config)
        if can_encrypt and not request.is_encrypted:
            if self.server_supports_311(connection):
                refused = tree.share.encrypt_data
            else:
                refused = wanted and config.reject_unencrypted_access
            if refused:
                return Status.ACCESS_DENIED
        if (wanted or request.is_encrypted) and config.reject_unencrypted_access and not can_encrypt:
            return Status.ACCESS_DENIED
        return Status.SUCCESS

    def server_supports_311(self, connection: Connection) -> bool:
        """Whether the server implements 3.1.1, whatever this connection negotiated."""
        return connection.server.implements_311

    def session_setup_status(self, request: Request) -> Status:
        """SUCCESS, or what SESSION_SETUP fails with where the connection cannot encrypt but must (3.3.5.5).

        Erratum 3: with 3.1.1 encryption is negotiated by context, so the client's capability bit says nothing
        there.
        """
        connection = request.connection
        config = connection.server.config
        if not self.encrypt_data(config) or not config.reject_unencrypted_access:
            return Status.SUCCESS
        return Status.SUCCESS if self.client_can_encrypt(connection) else Status.ACCESS_DENIED

    def client_can_encrypt(self, connection: Connection) -> bool:
        """Whether the client of this connection can encrypt (erratum 3)."""
        if not connection.is_3x:
            return False
        if connection.is_311:
            return connection.cipher_id != Cipher.NONE
        return Capabilities.ENCRYPTION in connection.client_capabilities

    def session_is_encrypted(self, connection: Connection) -> bool:
        """Whether a new session gets EncryptData and the flag in its response (3.3.5.5.3)."""
        config = connection.server.config
        return (
            self.encrypt_data(config)
            and connection.is_3x
            and Capabilities.ENCRYPTION in connection.server_capabilities
            and config.reject_unencrypted_access
        )

    def session_gets_keys(self, connection: Connection, session: Session) -> bool:
        """Whether encryption keys are derived: not for guest and anonymous sessions (3.3.5.5.3)."""
        return (
            connection.is_3x
            and not session.is_anonymous
            and not session.is_guest
            and Capabilities.ENCRYPTION in connection.server_capabilities
        )

    def tree_connect_status(self, connection: Connection, share: Share) -> Status:
        """SUCCESS, or what TREE_CONNECT fails with where the connection cannot encrypt but the share asks
        (3.3.5.7)."""
        config = connection.server.config
        if not config.reject_unencrypted_access:
            return Status.SUCCESS
        can_encrypt = Capabilities.ENCRYPTION in connection.server_capabilities
        if (self.encrypt_data(config) or share.encrypt_data) and not can_encrypt:
            return Status.ACCESS_DENIED
        if connection.is_3x and share.encrypt_data and not self.client_can_encrypt(connection):
            return Status.ACCESS_DENIED
        return Status.SUCCESS

    def response_is_sealed(self, request: Request) -> bool:
        """Whether the response to this request is sealed (3.3.4.1.4)."""
        connection, session = request.connection, request.session
        if not self.client_can_encrypt(connection) or not self.is_supported(connection.server.config):
            return False
        if request.is_encrypted:
            return True
        if session is None:
            return False
        if session.encrypt_data:
            return request.command not in _SESSION_LESS
        tree = request.tree_connect
        return tree is not None and tree.share.encrypt_data and request.command not in _BEFORE_TREE

    def unsolicited_is_sealed(
        self, connection: Connection, session: Session, tree: TreeConnect | None
    ) -> bool:
        """Whether a notification is sealed: where the session or the share encrypts (3.3.4.1.4)."""
        if not self.client_can_encrypt(connection):
            return False
        return session.encrypt_data or (tree is not None and tree.share.encrypt_data)
