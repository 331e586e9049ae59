FROM python:3.12-slim
ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends gcc; \
    rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt
RUN useradd --create-home app
USER app
CMD ["python", "-m", "app"]
