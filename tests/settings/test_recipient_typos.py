"""A recipient that a hand has mistyped is never taken for another one: nobody could open what was sealed to it."""

import random
from collections.abc import Iterator

import pytest

from dockd.seal.kinds import KINDS, Kind
from dockd.seal.recipients import Identity
from dockd.settings.load import load
from dockd.settings.problems import InvalidSettings
from tests.settings.a_site import Site

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def mistyped(key: str, rng: random.Random) -> Iterator[str]:
    """Give a long row of slips of the hand, one each, at every place of a short key and at many of a long one."""
    places = sorted(rng.sample(range(len(key)), min(len(key), 70)))
    for place in places:
        before, char, after = key[:place], key[place], key[place + 1 :]
        yield before + rng.choice(BECH32.replace(char, "")) + after
        yield before + after
        yield before + char + char + after
        yield before + char.upper() + after if char.isalpha() else before + "o" + after
        if after and after[0] != char:
            yield before + after[0] + char + after[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipient_with_any_one_slip_is_refused_where_it_stands(site: Site, kind: Kind, rng: random.Random) -> None:
    key = Identity.generate(kind).recipient.text
    good = site.path.read_text()
    assert good.count(f"[{site.recipient}]") == 1
    for slip in mistyped(key, rng):
        site.path.write_text(good.replace(f"[{site.recipient}]", f"[{slip}]"))
        with pytest.raises(InvalidSettings) as caught:
            load(site.path)
        [problem] = caught.value.problems
        assert (problem.code, problem.key, problem.spot.line) == ("recipient", "partitions.police.recipients[0]", 13)
        assert problem.wrong
        assert problem.remedy
