"""What goes over the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=100)]
Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Stage = Literal["new", "contacted", "won", "lost"]
BATCH = 500
LARGEST_ID = 2**63 - 1
"""What the column holds; the database refuses anything above with an error."""


class LeadIn(BaseModel):
    name: Name
    email: Email
    company: Name | None = None


class LeadChange(BaseModel):
    name: Name | None = None
    company: Name | None = None
    stage: Stage | None = None


class LeadOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    email: str
    company: str | None
    stage: Stage
    summary: str | None


class LeadPage(BaseModel):
    leads: list[LeadOut]
    after: int | None
    """To be given for the next page; absent on the last one."""


class BatchItem(BaseModel):
    email: str
    result: Literal["created", "duplicate"]


class BatchOut(BaseModel):
    items: list[BatchItem]


class Statistics(BaseModel):
    leads_by_stage: dict[Stage, int]


class Summary(BaseModel):
    summary: str


class Claim(BaseModel):
    """What an agent sends over its socket."""

    model_config = ConfigDict(extra="forbid")

    claim: int


class Claimed(BaseModel):
    lead: int
    granted: bool
