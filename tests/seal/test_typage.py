"""Our post-quantum objects are age files: another implementation opens them, and we open what it makes."""

import subprocess

import pytest
from click.testing import CliRunner

from dockd.cli.keygen import keygen
from dockd.seal.kinds import KINDS, POST_QUANTUM
from dockd.seal.recipients import Identity, Recipient
from dockd.seal.stream import CHUNK
from tests.seal.sealing import FIXED, FIXED_PQ, MIB, OTHER_PQ, pattern, seal, unsealed

SIZES = [0, 1, CHUNK, CHUNK + 1, 5 * MIB + 7]


@pytest.mark.parametrize("size", SIZES)
def test_typage_opens_what_we_seal(peers, size):
    plain = pattern(size)
    assert peers.ask("open", FIXED_PQ.text, data=seal(plain, FIXED_PQ.recipient)) == plain


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_typage_seals(peers, size):
    plain = pattern(size)
    assert unsealed(peers.ask("seal", FIXED_PQ.recipient.text, data=plain), FIXED_PQ) == plain


def test_x25519_goes_both_ways_too(peers):
    assert peers.ask("open", FIXED.text, data=seal(b"ours")) == b"ours"
    assert unsealed(peers.ask("seal", FIXED.recipient.text, data=b"theirs")) == b"theirs"


@pytest.mark.parametrize("count", [2, 20])
def test_every_one_of_several_recipients_opens_it(peers, count):
    identities = [Identity.generate(POST_QUANTUM) for _ in range(count)]
    sealed = seal(b"for all", *(each.recipient for each in identities))
    made = peers.ask("seal", *(each.recipient.text for each in identities), data=b"by typage")
    for identity in (identities[0], identities[-1]):
        assert peers.ask("open", identity.text, data=sealed) == b"for all"
        assert unsealed(made, identity) == b"by typage"


def test_typage_refuses_what_is_not_for_it_or_was_changed(peers):
    sealed = seal(b"secret", FIXED_PQ.recipient)
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        peers.ask("open", OTHER_PQ.text, data=sealed)
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        peers.ask("open", FIXED_PQ.text, data=sealed[:-1])


def test_typage_and_we_agree_on_keys(peers):
    made = peers.ask("identity").decode()
    assert Identity.parse(made).kind is POST_QUANTUM
    for identity in (Identity.parse(made), FIXED_PQ, FIXED, *map(Identity.generate, KINDS)):
        recipient = peers.ask("recipient", identity.text).decode()
        assert Recipient.parse(recipient) == identity.recipient


@pytest.mark.parametrize(("option", "prefix"), [((), "age1"), (("--post-quantum",), "age1pq1")])
def test_typage_opens_with_the_key_of_keygen(peers, tmp_path, option, prefix):
    path = tmp_path / "csu.key"
    done = CliRunner().invoke(keygen, ["-o", str(path), *option])
    public = done.output.strip()
    (secret,) = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert public.startswith(prefix)
    assert peers.ask("open", secret, data=seal(b"secret", Recipient.parse(public))) == b"secret"
