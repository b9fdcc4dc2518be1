# The sidecar as an image. Wheels alone, each checked by its hash; nothing is compiled, nothing runs as root.
#   docker build -t headcount .
#   docker run --read-only -p 8470:8470 -v "$PWD/headcount.yaml:/etc/headcount/headcount.yaml:ro" headcount
# headcount.yaml needs at least one token for the admin listener; image/headcount.yaml shows how.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/run.lock requirements/run.lock
RUN python3 -m venv /opt/headcount \
 && /opt/headcount/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes \
        --requirement requirements/run.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY reputation reputation
COPY geoip geoip
COPY plugins plugins
# compiled here, since nothing can be written where it runs
RUN /opt/headcount/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
 && /opt/headcount/bin/pip uninstall --yes --quiet setuptools pip \
 && /opt/headcount/bin/python -m compileall -q /opt/headcount/lib

FROM ${BASE}
COPY --from=build /opt/headcount /opt/headcount
COPY image/headcount.yaml /etc/headcount/headcount.yaml
ENV PATH=/opt/headcount/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HEADCOUNT_CONFIG=/etc/headcount/headcount.yaml \
    HEADCOUNT_LISTEN=0.0.0.0:8470 \
    HEADCOUNT_ADMIN=0.0.0.0:8471
USER 65532:65532
EXPOSE 8470 8471
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["headcount", "healthcheck"]
CMD ["headcount", "serve"]
