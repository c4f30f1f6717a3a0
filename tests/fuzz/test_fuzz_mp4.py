from tests.fuzz.fuzz_mp4 import run


def test_no_wounded_recording_surprises_the_check(seed):
    tally = run(600, seed)
    print(tally)
    assert tally.cases == 600
    assert set(tally.verdicts) == {"ok", "truncated", "no-index", "opaque", "suspect"}
    assert len(tally.findings) > 12
