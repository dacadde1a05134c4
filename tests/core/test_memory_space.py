"""The contract of a space, run against the one in memory."""

from collections.abc import Iterator

import pytest

from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from tests.core.contract.any_of import AnyOfContract
from tests.core.contract.batches import BatchContract
from tests.core.contract.deletion import DeletionContract
from tests.core.contract.gets import GetContract
from tests.core.contract.iterators import IteratorContract
from tests.core.contract.leases import LeaseContract
from tests.core.contract.put_back import PutBackContract
from tests.core.contract.settling import SettlingContract
from tests.core.contract.timeouts import TimeoutContract
from tests.core.contract.variables import VariableContract
from tests.core.contract.views import ViewsContract
from tests.core.contract.waiting import WaitingContract
from tests.core.contract.withdrawal import WithdrawalContract
from tests.core.contract.workspaces import WorkspaceContract


@pytest.fixture
def space() -> Iterator[MemorySpace]:
    space = MemorySpace()
    yield space
    check_invariants(space)


class TestWorkspaces(WorkspaceContract):
    pass


class TestViews(ViewsContract):
    pass


class TestVariables(VariableContract):
    pass


class TestGets(GetContract):
    pass


class TestWaiting(WaitingContract):
    pass


class TestWithdrawal(WithdrawalContract):
    pass


class TestDeletion(DeletionContract):
    pass


class TestIterators(IteratorContract):
    pass


class TestLeases(LeaseContract):
    pass


class TestSettling(SettlingContract):
    pass


class TestAnyOf(AnyOfContract):
    pass


class TestBatches(BatchContract):
    pass


class TestPutBack(PutBackContract):
    pass


class TestTimeouts(TimeoutContract):
    pass
