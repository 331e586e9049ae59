FROM alpine
LABEL org.opencontainers.image.title="A title" org.opencontainers.image.version=1.0
LABEL multi="first \
second" other='x y'
MAINTAINER A Name <a.name@example.org>
