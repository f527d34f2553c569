# The worker: `stridegraph` on whatever Neo4j STRIDE_NEO4J__URI names.
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}

RUN useradd --uid 7300 --no-create-home --home-dir /tmp stridegraph && python3 -m venv /opt/stridegraph
ENV PATH=/opt/stridegraph/bin:$PATH \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONUNBUFFERED=1

# The dependencies are a layer of their own: a change of the code does not install them anew.
COPY pyproject.toml requirements.lock /source/
RUN sed -e '/--hash/d' -e 's/ \\$//' /source/requirements.lock > /source/constraints \
    && python3 -c 'import tomllib; toml = tomllib.load(open("/source/pyproject.toml", "rb")); \
        print(*toml["project"]["dependencies"], *toml["build-system"]["requires"], sep="\n")' \
    | pip install --no-cache-dir --constraint /source/constraints --requirement /dev/stdin
COPY . /source
RUN pip install --no-deps --no-build-isolation /source

# By its number: Kubernetes must see that it is not root.
USER 7300
ENTRYPOINT ["stridegraph"]
CMD ["run"]
