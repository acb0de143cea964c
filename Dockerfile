# One image for the gateway, the Faust worker and `creditgate setup`. It contains no secret and needs none to build.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/creditgate
ENV PATH=/opt/creditgate/bin:$PATH
WORKDIR /src
# Dependencies first, checked by hash: this layer is rebuilt only when the lock file changes.
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config ./config
COPY creditgate ./creditgate
COPY creditgate_client ./creditgate_client
COPY gateway ./gateway
COPY intake ./intake
COPY store ./store
COPY rules ./rules
COPY streams ./streams
RUN pip install --no-deps --no-build-isolation .
# The policy pack and the departments are package data: the build fails when they are missing or invalid.
WORKDIR /
RUN creditgate config check

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 creditgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/creditgate --shell /usr/sbin/nologin creditgate \
    && install --directory --owner=creditgate --group=creditgate /var/lib/creditgate
COPY --from=build /opt/creditgate /opt/creditgate
ENV PATH=/opt/creditgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CREDITGATE_DATA=/var/lib/creditgate \
    CREDITGATE_HOST=0.0.0.0 \
    CREDITGATE_PORT=8080
WORKDIR /var/lib/creditgate
USER 10001:10001
EXPOSE 8080 8081
# For the gateway; docker-compose.yml sets the worker's own. The request ignores proxy settings of the environment.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8080/livez', timeout=4)"]
ENTRYPOINT ["creditgate"]
CMD ["serve"]
