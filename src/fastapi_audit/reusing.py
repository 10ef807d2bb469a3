"""Gives the scorecard of an earlier scan again when nothing that it was made of has changed since."""

from collections.abc import Iterable
from contextlib import suppress

from fastapi_audit.evidence import Gathering
from fastapi_audit.evidence.stamps import Stamps
from fastapi_audit.model import Scorecard
from fastapi_audit.packing import packed, unpacked
from fastapi_audit.results import UNREADABLE, Result


class Earlier:
    """The kept result of scanning one project in one way; whatever is wrong with it, there is none.

    It is found by the project, by `asked` (settings, rules, baseline: everything else that decides) and by this very
    program, and it counts only while every file of the project, listed or looked at beside, has the status that it had.
    """

    def __init__(self, gathering: Gathering, *asked: object) -> None:
        root = gathering.root.resolve()
        self.stamps = Stamps.now(root, gathering.exclude)
        self.looked_at: tuple[str, ...] = ()
        """Of the scorecard that was found or kept."""
        self._result = Result(gathering.cache, str(root), asked)

    def scorecard(self) -> Scorecard | None:
        """The scorecard, when it would come out the same again."""
        with suppress(*UNREADABLE):
            files, beside, kept = self._result.read()
            if files == self.stamps.files and beside == self.stamps.beside(beside):
                card = unpacked(kept)
                self.looked_at = tuple(beside)
                return card if isinstance(card, Scorecard) else None
        return None

    def keep(self, card: Scorecard, looked_at: Iterable[str]) -> None:
        """Keeps a scorecard that is whole for the next time, unless a file changed meanwhile or only just before."""
        self.looked_at = tuple(looked_at)
        after = self.stamps.still(self.looked_at)
        if after is None or card.incomplete:
            return
        with suppress(*UNREADABLE):
            self._result.write([after.files, after.beside(self.looked_at), packed(card)])
