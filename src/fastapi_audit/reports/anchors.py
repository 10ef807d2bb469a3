"""Where a finding is shown in a format that wants a file and a line for each."""

from fastapi_audit.model import Finding, Location, Scorecard

PROJECT_FILE = Location("pyproject.toml", 1)


class Anchors:
    """Handlers by operation, for findings that were made on the wire and have no place of their own."""

    def __init__(self, scorecard: Scorecard) -> None:
        routes = scorecard.routes
        self.handlers = {f"{method} {route.path}": route.location for route in routes for method in route.methods}

    def of(self, finding: Finding) -> Location:
        """Its own place, else that of the handler, else the project file: readers drop what has none."""
        return finding.location or self.handlers.get(finding.operation or "") or PROJECT_FILE
