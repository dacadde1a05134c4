"""A server in memory passes the tests of the client that it promises to; see ``conftest.py``."""

from tests.client.test_any_of import *  # noqa: F403
from tests.client.test_iterators import *  # noqa: F403
from tests.client.test_leases import *  # type: ignore[assignment]  # noqa: F403 - a helper's name
from tests.client.test_presence import *  # noqa: F403
from tests.client.test_streams import *  # noqa: F403
from tests.client.test_threads import *  # noqa: F403
