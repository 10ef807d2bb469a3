"""Articles by their slug."""

from fastapi import APIRouter

from orders.schemas import Article

router = APIRouter(prefix="/articles")


@router.get("/{slug}")
async def read_article(slug: str) -> Article:
    return Article(slug=slug, title=slug.replace("-", " ").title())
