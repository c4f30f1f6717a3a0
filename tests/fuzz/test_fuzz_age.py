from tests.fuzz.fuzz_age import fuzz


def test_no_spoilt_object_surprises_the_reader(seed):
    tally = fuzz(3000, seed)
    print(tally)
    wanted = {"opened", "HeaderInvalid", "NotForIdentity", "HeaderChanged", "PayloadInvalid"}
    assert set(tally.ends) == wanted
    assert min(tally.ends.values()) > 30
