# A server for a team: docs/deploy.md. It writes nothing but to /tmp: run it with --read-only --tmpfs /tmp.
FROM python:3.11.13-slim-bookworm

# Where pip looks besides, such as for a torch without CUDA: --build-arg PIP_EXTRA_INDEX_URL=…
ARG PIP_EXTRA_INDEX_URL
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt "Authlib==1.9.9" \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin pruneviz
COPY app.py ./
COPY .streamlit/config.toml .streamlit/
COPY pages pages
COPY pruneviz pruneviz
COPY sample_models sample_models

# Others reach it, so it is shared. Which name they use, whoever runs it says: STREAMLIT_SERVER_ALLOWED_HOSTS.
ENV HOME=/tmp NUMBA_CACHE_DIR=/tmp/numba PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PRUNEVIZ_SHARED=1 STREAMLIT_SERVER_ADDRESS=0.0.0.0 STREAMLIT_SERVER_HEADLESS=true
USER 10001
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "app.py"]
