# The bot as `postern serve`. Build with: docker build -t postern .
# A tag of Python's minor version and of Debian's release takes security fixes with each build and nothing else;
# who needs the same bytes twice gives a digest: --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:...
# Not Alpine: google-re2 has no wheels for musl.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The environment of the image has no pip and no build tools: both stay in this stage.
RUN python -m venv tools && python -m venv --without-pip /opt/postern
COPY requirements/core.txt requirements/server.txt requirements/
RUN tools/bin/python -m pip install --no-deps --only-binary :all: --require-hashes -r requirements/core.txt \
    && tools/bin/python -m pip --python /opt/postern/bin/python install --no-deps --only-binary :all: --require-hashes -r requirements/server.txt
COPY pyproject.toml README.md ./
COPY bot bot
COPY skills skills
COPY templates templates
COPY prompts prompts
RUN tools/bin/python -m pip wheel --no-deps --no-build-isolation -w dist . \
    && tools/bin/python -m pip --python /opt/postern/bin/python install --no-deps --no-index dist/*.whl

FROM ${PYTHON_IMAGE} AS runtime
LABEL org.opencontainers.image.title="postern" \
      org.opencontainers.image.description="From a pasted error to a merged egress change, in Slack" \
      org.opencontainers.image.version="0.1.0"
# Debian's Git takes security fixes with each build, so it has no version here.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 postern \
    && useradd --uid 10001 --gid postern --home-dir /var/lib/postern --create-home --shell /usr/sbin/nologin postern
COPY --from=build /opt/postern /opt/postern
ENV PATH=/opt/postern/bin:$PATH \
    POSTERN_HOME=/var/lib/postern \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# By number, so that Kubernetes can see that it isn't root (runAsNonRoot).
USER 10001:10001
WORKDIR /var/lib/postern
VOLUME ["/var/lib/postern"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["postern", "doctor", "--quick"]
ENTRYPOINT ["postern"]
EXPOSE 3000
# Inside a container the address of the container is what the outside reaches.
CMD ["serve", "--host", "0.0.0.0"]
