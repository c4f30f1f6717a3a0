from tests.fuzz.fuzz_mp4 import fuzz

VERDICTS = {"ok", "truncated", "no-index", "opaque", "suspect"}


def test_no_wounded_recording_surprises_the_check(seed):
    tally = fuzz(600, seed)
    print(tally)
    assert tally.cases == 600
    assert set(tally.ends) >= VERDICTS
    assert len(set(tally.ends) - VERDICTS) > 12
