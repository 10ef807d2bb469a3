# The command in an image: docker run --rm -v "$PWD:/src:ro" fastapi-audit scan
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/fastapi-audit && /opt/fastapi-audit/bin/pip install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /opt/fastapi-audit /opt/fastapi-audit
# Nothing that is read is trusted, so nothing that is run may write.
RUN useradd --system --uid 10001 --create-home auditor
ENV PATH="/opt/fastapi-audit/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /src
ENTRYPOINT ["fastapi-audit"]
CMD ["--help"]
