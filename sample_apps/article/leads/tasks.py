"""Item 6: "send the email after the response"."""

from fastapi import APIRouter, BackgroundTasks

router = APIRouter()


async def send_email(lead_id: int) -> None:
    """Talks to the mail server, once it is there."""


@router.post("/leads/{lead_id}/contact")
async def contact(lead_id: int, background_tasks: BackgroundTasks) -> dict[str, str]:
    background_tasks.add_task(send_email, lead_id)  # wrong: critical-work-in-background-task
    return {"status": "queued"}
