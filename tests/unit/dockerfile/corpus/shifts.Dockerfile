FROM alpine
RUN echo $((1<<4)) "<<EOF" '<<X' a<<b
RUN cat <<<"here string"
USER root
