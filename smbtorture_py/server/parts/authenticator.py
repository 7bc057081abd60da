"""Authenticator: the GSS authentication subsystem as SESSION_SETUP uses it ([MS-SMB2] 3.3.5.5.3)."""

from __future__ import annotations

from smbtorture_py.auth.acceptor import Accepted, Acceptor, AcceptorConfig, Continue, Refused
from smbtorture_py.server.config import ServerConfig
from smbtorture_py.server.transport import Entropy


class Authenticator:
    """Begins authentications and takes their tokens; each has an acceptor of its own."""

    def begin(self, config: ServerConfig, entropy: Entropy, now: float) -> Acceptor:
        """An acceptor for one authentication that starts now."""
        return Acceptor(
            config.accounts,
            entropy=entropy,
            now=now,
            config=AcceptorConfig(
                nb_computer_name=config.netbios_name,
                dns_computer_name=config.netbios_name.lower(),
                dns_domain_name=config.dns_domain,
            ),
        )

    def step(self, acceptor: Acceptor, token: bytes) -> Accepted | Continue | Refused:
        """What comes of the next token (3.3.5.5.3)."""
        return acceptor.step(token)
