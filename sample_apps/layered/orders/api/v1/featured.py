"""The articles on the front page."""

from fastapi import APIRouter

from orders.schemas import Article

router = APIRouter()


@router.get("/articles/featured")  # finding: route-shadowed
async def featured() -> list[Article]:
    return [Article(slug="teapot", title="Teapot")]
