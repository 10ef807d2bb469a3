"""Item 1: "inject services instead of importing them"."""

from fastapi import APIRouter, Depends

router = APIRouter()


class LeadService:
    def __init__(self):
        self.scored = 0

    def score(self, lead_id: int) -> int:
        return lead_id % 100


lead_service = LeadService()


@router.get("/leads/{lead_id}/score")
async def score(lead_id: int, service: LeadService = Depends(lead_service)) -> int:  # wrong: depends-on-instance-or-call
    return service.score(lead_id)
