# The product alone: no compiler, no tests, no root. What runs is the command:
# the web without one, or another line of the Procfile, as `python -m worker`.

FROM python:3.13-slim AS build
COPY requirements.txt constraints.txt /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /build/requirements.txt \
    && /opt/venv/bin/pip uninstall --yes pip

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATABASE_URL=sqlite:////data/tracker.db
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tracker \
    && install --directory --owner tracker --group tracker /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY gunicorn.conf.py wsgi.py ./
COPY migrations migrations
COPY static static
COPY templates templates
COPY tracker tracker
COPY worker worker
USER tracker
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/healthz', timeout=4)"]
CMD ["gunicorn", "wsgi:app"]
