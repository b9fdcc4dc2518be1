# The sidecar as an image. Wheels alone, each checked by its hash; only Headcount's own heart is compiled, in a stage that is
# left behind. Nothing runs as root.
#   docker build -t headcount .
#   docker run --read-only -p 8470:8470 -v headcount:/var/lib/headcount \
#     -v "$PWD/headcount.yaml:/etc/headcount/headcount.yaml:ro" headcount
# headcount.yaml needs at least one token for the admin listener; image/headcount.yaml shows how.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
RUN command -v cc >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends gcc libc6-dev; }
COPY requirements/run.lock requirements/compile.lock requirements/
RUN python3 -m venv /opt/headcount \
 && /opt/headcount/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --no-deps --require-hashes \
        --requirement requirements/run.lock
COPY pyproject.toml setup.py README.md LICENSE NOTICE ./
COPY reputation reputation
COPY geoip geoip
COPY plugins plugins
# mypyc in an environment of its own; and byte code is made here, since nothing can be written where it runs
RUN python3 -m venv /opt/mypyc \
 && /opt/mypyc/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --no-deps --require-hashes \
        --requirement requirements/run.lock --requirement requirements/compile.lock \
 && HEADCOUNT_COMPILE=1 /opt/mypyc/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps \
        --no-build-isolation --wheel-dir dist . \
 && /opt/headcount/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index dist/*.whl \
 && /opt/headcount/bin/pip uninstall --yes --quiet setuptools pip \
 && /opt/headcount/bin/python -m compileall -q /opt/headcount/lib

FROM ${BASE}
COPY --from=build /opt/headcount /opt/headcount
COPY image/headcount.yaml /etc/headcount/headcount.yaml
ENV PATH=/opt/headcount/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HEADCOUNT_CONFIG=/etc/headcount/headcount.yaml \
    HEADCOUNT_LISTEN=0.0.0.0:8470 \
    HEADCOUNT_ADMIN=0.0.0.0:8471 \
    HEADCOUNT_STATE=/var/lib/headcount/state.db
RUN install --directory --owner 65532 --group 65532 --mode 700 /var/lib/headcount
VOLUME /var/lib/headcount
USER 65532:65532
EXPOSE 8470 8471
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["headcount", "healthcheck"]
CMD ["headcount", "serve"]
