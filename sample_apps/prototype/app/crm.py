import time

import requests
import structlog

from app.config import CRM_URL

logger = structlog.get_logger()


class CRMClient:
    def __init__(self, base_url: str = CRM_URL, timeout: int = 5):
        self.base_url = base_url
        self.timeout = timeout
        self.calls = 0

    def get(self, path):
        self.calls += 1
        return requests.get(self.base_url + path, timeout=self.timeout).json()

    def post(self, path, body):
        self.calls += 1
        return requests.post(self.base_url + path, json=body, timeout=self.timeout)


class LeadService:
    def __init__(self):
        self.crm = CRMClient()
        self.seen = []

    def enrich(self, lead):
        self.seen.append(lead.id)
        return self.load_company(lead.email.split("@")[1])

    def load_company(self, domain):
        for attempt in range(3):
            try:
                return self.crm.get("/companies/" + domain)
            except Exception as e:
                logger.error(f"CRM failed: {e}")
                time.sleep(0.2)
        return None


lead_service = LeadService()


async def sync_to_crm(lead, db):
    lead_service.crm.post("/leads", {"name": lead.name, "email": lead.email})
    lead.notes = "synced"
    await db.commit()


async def send_welcome_email(email):
    time.sleep(0.5)
    print("sent welcome email to", email)
