FROM alpine
RUN ["/bin/sh", "-c", "echo \"quoted\""]
RUN --network=none ["true"]
RUN --security=insecure mount
