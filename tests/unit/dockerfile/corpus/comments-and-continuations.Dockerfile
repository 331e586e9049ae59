FROM debian:12
RUN apt-get update \
    # the index is needed first
    && apt-get install -y --no-install-recommends \

        ca-certificates \
        # sorted, one a line
        curl \
    && rm -rf /var/lib/apt/lists/*
# between
ENV A=1 \
    # about B
    B=2
