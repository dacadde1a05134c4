"""What the tests of the core share. Each module that wants a company says which space it is in."""

from collections.abc import Iterator

import pytest

from nws_server.core.space import Space
from tests.support.clients import Company


@pytest.fixture
def company(space: Space) -> Iterator[Company]:
    """Clients of the space under test; at the end nobody may have been forgotten."""
    company = Company(space)
    yield company
    company.check()
