"""NTLM messages and keys against [MS-NLMP] 4.2.4 and Microsoft's SMB 3.1.1 sample exchange."""

from __future__ import annotations

import pytest

from smbtorture_py.auth import ntlm_keys
from smbtorture_py.auth.ntlm_messages import (
    AuthenticateMessage,
    AvFlags,
    AvId,
    ChallengeMessage,
    ClientChallenge,
    NegotiateFlags,
    NegotiateMessage,
    TargetInfo,
    TokenError,
)
from smbtorture_py.auth.spnego import NTLMSSP_OID, NegState, NegTokenInit, NegTokenResp, encode_mech_types

EXAMPLE_CHALLENGE = bytes.fromhex(
    "4e544c4d53535000020000000c000c00380000003382 8ae20123456789abcdef"
    "0000000000000000240024004400000006007017 0000000f530065007200760065007200"
    "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000"
)
EXAMPLE_AUTHENTICATE = bytes.fromhex(
    "4e544c4d5353500003000000180018006c00000054005400840000000c000c00"
    "480000000800080054000000100010005c00000010001000d8000000358288e2"
    "0501280a0000000f44006f006d00610069006e00550073006500720043004f00"
    "4d0050005500540045005200 86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"
    "68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000"
    "aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c00"
    "5300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e"
)


def test_worked_example_of_ms_nlmp() -> None:
    challenge = ChallengeMessage.decode(EXAMPLE_CHALLENGE)
    assert challenge.target_name == "Server"
    assert challenge.server_challenge.hex() == "0123456789abcdef"
    assert challenge.target_info.text(AvId.NB_DOMAIN_NAME) == "Domain"
    key = ntlm_keys.ntowf_v2(ntlm_keys.nt_hash_of("Password"), "User", "Domain")
    assert key.hex() == "0c868a403bfd7a93a3001ef22ef02e3f"
    blob = ClientChallenge(0, b"\xaa" * 8, challenge.target_info).encode()
    proof = ntlm_keys.nt_proof(key, challenge.server_challenge, blob)
    assert proof.hex() == "68cd0ab851e51c96aabc927bebef6a1c"
    base = ntlm_keys.hmac_md5(key, proof)
    assert base.hex() == "8de40ccadbc14a82f15cb0ad0de95ca3"
    assert ntlm_keys.rc4k(base, b"\x55" * 16).hex() == "c5dad2544fc9799094ce1ce90bc9d03e"
    assert ntlm_keys.sign_key(b"\x55" * 16, is_server=False).hex() == "4788dc861b4782f35d43fd98fe1a2d39"
    assert (
        ntlm_keys.seal_key(challenge.flags, b"\x55" * 16, is_server=False).hex()
        == "59f600973cc4960a25480a7c196e4c58"
    )


def test_authenticate_message_of_the_worked_example() -> None:
    message = AuthenticateMessage.decode(EXAMPLE_AUTHENTICATE)
    assert (message.user, message.domain, message.workstation) == ("User", "Domain", "COMPUTER")
    assert message.mic is None, "payload stands where a MIC would"
    assert message.encrypted_session_key.hex() == "c5dad2544fc9799094ce1ce90bc9d03e"
    assert message.client_challenge.challenge == b"\xaa" * 8
    assert message.lm_response[16:] == b"\xaa" * 8


# Microsoft's sample: administrator of SUT311 with password "Password01!" (published, of no system).
NEGOTIATE = bytes.fromhex("4E544C4D5353500001000000978208E200000000000000000000000000000000060380250000000F")
CHALLENGE_TOKEN = bytes.fromhex(
    "A181B03081ADA0030A0101A10C060A2B06010401823702020AA281970481944E544C4D53535000020000000C000C0038"
    "00000015828AE20D1D8BA31179D008000000000000000050005000440000000A0092270000000F530055005400330031"
    "00310002000C0053005500540033003100310001000C0053005500540033003100310004000C00530055005400330031"
    "00310003000C0053005500540033003100310007000800A1A1F5ADCBAED00100000000"
)
AUTHENTICATE_TOKEN = bytes.fromhex(
    "A18201CB308201C7A0030A0101A28201AA048201A64E544C4D53535000030000001800180090000000EE00EE00A80000"
    "000C000C00580000001A001A0064000000120012007E0000001000100096010000158288E2060380250000000FECAC77"
    "A5F385A8BF9C38C706EEEDDCD3530055005400330031003100610064006D0069006E0069007300740072006100740"
    "06F00720044005200490056004500520033003100310000000000000000000000000000000000000000000000000"
    "063078EB639FE03E20A231C3AE3BF23080101000000000000A1A1F5ADCBAED001BC4AD05F223CC90F000000000200"
    "0C0053005500540033003100310001000C0053005500540033003100310004000C0053005500540033003100310003"
    "000C0053005500540033003100310007000800A1A1F5ADCBAED0010600040002000000080030003000000000000000"
    "0000000000300000B61FEFCAA857EA57BF1EDCEBF8974B8E0EBA5A6DFD9D07A31D11B548F8C9D0CC0A001000000000"
    "00000000000000000000000000090016006300690066007300"
    "2F0053005500540033003100310000000000000000000000"
    "00003B9BDFF38F5EE8F9663F11A0F4C03A78A31204100100000063775A9A5FD97F0600000000"
)
FINAL_TOKEN = bytes.fromhex("A11B3019A0030A0100A3120410010000003B453CDC3524164200000000")
EXPORTED = bytes.fromhex("270E1BA896585EEB7AF3472D3B4C75A7")


def test_published_windows_exchange() -> None:
    """NTProofStr, key, MIC and both mechListMICs of Windows come out of the password."""
    challenge_response = NegTokenResp.decode(CHALLENGE_TOKEN)
    assert challenge_response.neg_state is NegState.ACCEPT_INCOMPLETE
    assert challenge_response.supported_mech == NTLMSSP_OID
    challenge_token = challenge_response.response_token
    assert challenge_token is not None
    challenge = ChallengeMessage.decode(challenge_token)
    answer = NegTokenResp.decode(AUTHENTICATE_TOKEN)
    assert answer.response_token is not None
    message = AuthenticateMessage.decode(answer.response_token)
    assert (message.user, message.domain) == ("administrator", "SUT311")
    key = ntlm_keys.ntowf_v2(ntlm_keys.nt_hash_of("Password01!"), message.user, message.domain)
    proof = ntlm_keys.nt_proof(key, challenge.server_challenge, message.nt_response[16:])
    assert proof == message.nt_response[:16]
    exported = ntlm_keys.rc4k(ntlm_keys.hmac_md5(key, proof), message.encrypted_session_key)
    assert exported == EXPORTED
    assert message.client_challenge.target_info.flags & AvFlags.MIC_PRESENT
    raw = answer.response_token
    zeroed = raw[:72] + bytes(16) + raw[88:]
    assert ntlm_keys.hmac_md5(exported, NEGOTIATE, challenge_token, zeroed) == message.mic
    mech_types = encode_mech_types([NTLMSSP_OID])
    client = ntlm_keys.MessageSigner(message.flags, exported, is_server=False)
    server = ntlm_keys.MessageSigner(message.flags, exported, is_server=True)
    assert client.sign(mech_types) == answer.mech_list_mic
    final = NegTokenResp.decode(FINAL_TOKEN)
    assert final.neg_state is NegState.ACCEPT_COMPLETED
    assert server.sign(mech_types) == final.mech_list_mic


@pytest.mark.parametrize("token", [CHALLENGE_TOKEN, AUTHENTICATE_TOKEN, FINAL_TOKEN])
def test_spnego_of_windows_comes_back_byte_for_byte(token: bytes) -> None:
    assert NegTokenResp.decode(token).encode() == token


def test_neg_token_init_round_trip() -> None:
    for init in (
        NegTokenInit([NTLMSSP_OID], b"token"),
        NegTokenInit([NTLMSSP_OID, b"\x2b\x05"], None, b"hint"),
        NegTokenInit([NTLMSSP_OID], b"t" * 300, b"hint", b"m" * 16),
        NegTokenInit([NTLMSSP_OID], b"t" * 70000, None, b"m" * 16),
    ):
        found = NegTokenInit.decode(init.encode())
        assert found.raw_mech_types == encode_mech_types(init.mech_types)
        found.raw_mech_types = b""
        assert found == init


def test_messages_round_trip() -> None:
    flags = NegotiateFlags.UNICODE | NegotiateFlags.TARGET_INFO | NegotiateFlags.VERSION
    info = TargetInfo([(AvId.NB_COMPUTER_NAME, b"a\0"), (99, b"")])
    challenge = ChallengeMessage(flags, b"12345678", "NAME", info)
    assert ChallengeMessage.decode(challenge.encode()) == challenge
    assert NegotiateMessage.decode(NegotiateMessage(flags).encode()) == NegotiateMessage(flags)
    message = AuthenticateMessage(flags, "Jörg", "D", "W", b"lm", b"nt", b"key", b"m" * 16)
    assert AuthenticateMessage.decode(message.encode()) == message


def test_lone_surrogates_survive() -> None:
    message = AuthenticateMessage(NegotiateFlags.UNICODE, "\ud800", mic=bytes(16))
    assert AuthenticateMessage.decode(message.encode()).user == "\ud800"
    ntlm_keys.ntowf_v2(bytes(16), "\ud800", "")


def test_upper_case_keeps_the_length() -> None:
    assert ntlm_keys.upper("straße") == "STRAßE"


@pytest.mark.parametrize("data", [b"", b"\0", b"\1\0\4\0ab", b"\1\0\2\0ab"])
def test_lists_of_av_pairs_without_an_end(data: bytes) -> None:
    with pytest.raises(TokenError):
        TargetInfo.decode(data)


def test_seal_key_follows_the_key_length() -> None:
    lengths = {
        ntlm_keys.seal_key(NegotiateFlags.EXTENDED_SESSIONSECURITY | extra, EXPORTED, is_server=True)
        for extra in (NegotiateFlags.NONE, NegotiateFlags.KEY_56, NegotiateFlags.KEY_128)
    }
    assert len(lengths) == 3
