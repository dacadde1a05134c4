"""The codes of a cluster, and how hosts come to know them."""

from __future__ import annotations

from nws.depalma.messages import CodeTable
from nws.depalma.parameters import CodeSpec
from nws.errors import DepalmaArgumentException, DepalmaLookupException

__all__ = ["Codes"]


class Codes:
    """The codes of a cluster, by number.

    Attributes:
        step: grows with each change. A job names the step from which its code is known; a host that
            is behind reads the codes before it runs the job.
    """

    def __init__(self) -> None:
        self.step = 1
        self._specs: dict[int, CodeSpec] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._specs)

    def __getitem__(self, number: int) -> CodeSpec:
        return self._specs[number]

    def add(self, spec: CodeSpec) -> int:
        """Add a code, and return its number.

        Raises:
            DepalmaArgumentException: the label is taken.
        """
        if spec.label and any(other.label == spec.label for other in self._specs.values()):
            raise DepalmaArgumentException(f"another code has the label {spec.label!r}")
        self._last += 1
        self.step += 1
        self._specs[self._last] = spec
        return self._last

    def withdraw(self, number: int) -> None:
        """Undo the last `add`, of which no host was told."""
        del self._specs[number]
        self.step -= 1

    def remove(self, number: int) -> None:
        """Forget a code."""
        del self._specs[number]
        self.step += 1

    def number_of(self, code: object) -> int:
        """Return the number of a code, given that or its label.

        Raises:
            DepalmaLookupException: there is none.
        """
        if isinstance(code, int) and not isinstance(code, bool) and code in self._specs:
            return code
        for number, spec in self._specs.items():
            if spec.label and code == spec.label:
                return number
        raise DepalmaLookupException(f"there is no code with the number or label {code!r:.100}")

    def table(self, lost_after: float, max_output: int) -> CodeTable:
        """Return them as hosts read them."""
        codes = {str(number): spec.to_plain() for number, spec in self._specs.items()}
        return CodeTable(self.step, lost_after, max_output, codes)
