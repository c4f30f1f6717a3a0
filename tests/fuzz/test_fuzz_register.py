from tests.fuzz.fuzz_register import fuzz


def test_no_register_that_was_tampered_with_surprises_its_readers(seed):
    tally = fuzz(1500, seed)
    print(tally)
    assert tally.cases == 1500
    assert min(tally.ends["genuine"], tally.ends["not verified, not rebuilt"], tally.ends["not verified, rebuilt"]) > 50
