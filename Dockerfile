# The image holds the package and its dependencies, nothing of this checkout beside. Build and run:
#   docker build -t corsproxy .
#   docker run --read-only -p 8080:8080 -v ./config:/etc/corsproxy:ro corsproxy

FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY corsproxy corsproxy
# What else to install: --build-arg EXTRAS=[otel] for `tracing: otel`.
ARG EXTRAS=""
RUN python -m venv /opt/corsproxy \
 && /opt/corsproxy/bin/python -m pip install --no-cache-dir --disable-pip-version-check ".$EXTRAS" \
 && /opt/corsproxy/bin/python -m pip uninstall --yes --quiet pip

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="corsproxy" \
      org.opencontainers.image.description="The sidecar that speaks CORS for a backend you do not change" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/corsproxy /opt/corsproxy

# Nothing is written at run time, so the root file system may be read-only.
ENV PATH=/opt/corsproxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# Mount corsproxy.yaml, and the certificates it names, here.
WORKDIR /etc/corsproxy

# A number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM

# Is the process alive? Not /readyz: a backend that is down is no reason to restart the proxy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 9901, timeout=2); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["corsproxy"]
CMD ["run"]
