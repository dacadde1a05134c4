"""What the tests of the core share. Each module that wants a company says which space it is in."""

from collections.abc import Iterator

import pytest

from nws_server.core.space import Space

# Their assertions shall show values too, as those of test modules do.
for _module in (
    *(
        "any_of",
        "batches",
        "deletion",
        "gets",
        "iterators",
        "leases",
        "put_back",
        "settling",
        "views",
    ),
    *("timeouts", "variables", "waiting", "workspaces"),
):
    pytest.register_assert_rewrite(f"tests.core.contract.{_module}")
pytest.register_assert_rewrite("tests.core.model", "tests.support.answers", "tests.support.clients")

from tests.support.clients import Company  # noqa: E402


@pytest.fixture
def company(space: Space) -> Iterator[Company]:
    """Clients of the space under test; at the end nobody may have been forgotten."""
    company = Company(space)
    yield company
    company.check()
