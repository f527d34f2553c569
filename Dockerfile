# The worker: `stridegraph` on any Neo4j that STRIDE_NEO4J__URI names.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
RUN python3 -m venv /opt/stridegraph
COPY . /source
RUN /opt/stridegraph/bin/pip install --no-cache-dir /source

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/stridegraph /opt/stridegraph
RUN useradd --system --uid 7300 --no-create-home --home-dir /tmp stridegraph
ENV PATH=/opt/stridegraph/bin:$PATH \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONUNBUFFERED=1
USER stridegraph
ENTRYPOINT ["stridegraph"]
CMD ["run"]
