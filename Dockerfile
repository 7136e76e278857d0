# One image for the code location, the webserver and the daemon; docker-compose.yml says which is which.
FROM python:3.11-slim

# LightGBM's wheel leaves OpenMP to the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

# Volumes begin with the owner that their folder has here.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/asof asof \
    && install --directory --owner=asof --group=asof --mode=0700 /var/lib/asof /var/lib/dagster /var/cache/numba

WORKDIR /opt/asof
COPY . .
RUN --mount=type=cache,target=/var/cache/pip \
    pip install --disable-pip-version-check --cache-dir=/var/cache/pip --constraint=constraints.txt --editable='.[production]' \
    && python -m compileall -q asof configs feature_store quant_resources quant_assets

# The code belongs to root, so numba keeps what it compiles elsewhere. Kernels and threads are the code's own business
# (feature_store/numeric_platform.py).
ENV ASOF_HOME=/var/lib/asof \
    ASOF_DAGSTER_FILES=/var/lib/dagster \
    DAGSTER_HOME=/opt/asof/deploy \
    NUMBA_CACHE_DIR=/var/cache/numba \
    PYTHONUNBUFFERED=1

USER asof
CMD ["asof", "--help"]
