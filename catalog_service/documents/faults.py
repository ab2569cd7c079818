"""What is wrong with a document: every fault with its line, up to a bound; all are counted."""

from services.errors import Fault

KEPT_FAULTS = 1_000


class FaultList:
    """Faults in the order in which they were found; the first KEPT_FAULTS are kept."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[tuple[int, Fault]] = []

    def add(self, line: int, pointer: str, message: str) -> None:
        self.count += 1
        if len(self._kept) < KEPT_FAULTS:
            self._kept.append((line, Fault(pointer[:2_000], f"line {line}: {message[:2_000]}")))

    def shown(self) -> list[Fault]:
        """In the order of the file, with a last one that says how many more there are."""
        shown = [fault for _, fault in sorted(self._kept, key=lambda kept: kept[0])]
        if self.count > len(shown):
            shown.append(Fault("", f"and {self.count - len(shown)} more"))
        return shown
