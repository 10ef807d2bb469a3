"""What has changed since an earlier scorecard: the score, the findings that came and those that went."""

from dataclasses import dataclass

from fastapi_audit.model import Finding, Scorecard
from fastapi_audit.reports import Material


@dataclass(frozen=True, slots=True)
class Change:
    """Against an earlier scorecard; findings are known again by their fingerprints."""

    score: int | None
    before: int | None
    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]

    @property
    def told(self) -> str:
        """`+14 since the last report (50), 1 new, 2 gone`."""
        counts = f"{len(self.new)} new, {len(self.gone)} gone"
        if self.score is None or self.before is None:
            return f"since the last report: {counts}"
        return f"{self.score - self.before:+d} since the last report ({self.before}), {counts}"


def change_of(material: Material) -> Change | None:
    """`None` when there is nothing to compare with."""
    before = material.previous
    if before is None:
        return None
    card = material.scorecard
    now, then = _counted(card), _counted(before)
    new = tuple(finding for name, finding in now.items() if name not in then)
    gone = tuple(finding for name, finding in then.items() if name not in now)
    return Change(card.score, before.score, new, gone)


def _counted(card: Scorecard) -> dict[str, Finding]:
    return {finding.fingerprint: finding for finding in card.findings if finding.counts}
