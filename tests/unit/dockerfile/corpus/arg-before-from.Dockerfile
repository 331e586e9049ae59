ARG TAG=12
ARG VARIANT=slim NAME=debian

FROM ${NAME}:${TAG}-${VARIANT} AS base
ARG TAG
RUN echo "$TAG" > /tag
