from tests.fuzz.fuzz_age import fuzz


def test_no_spoilt_object_surprises_the_reader(seed):
    figures = fuzz(3000, seed)
    print(figures)
    wanted = {"opened", "HeaderInvalid", "NotForIdentity", "HeaderChanged", "PayloadInvalid"}
    assert set(figures.ends) == wanted
    assert min(figures.ends.values()) > 30
