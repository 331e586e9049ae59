FROM python:3.12
ONBUILD COPY requirements.txt /app/
ONBUILD RUN pip install -r /app/requirements.txt
ONBUILD ENV STAGE="child image"
ONBUILD WORKDIR /app
