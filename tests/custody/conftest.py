from tests.integration.conftest import make_site, nursery, site

__all__ = ["make_site", "nursery", "site"]
