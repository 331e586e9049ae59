FROM alpine
ENV BASE=/srv
WORKDIR $BASE
WORKDIR app
WORKDIR "with blanks"
USER "$USER:${GROUP:-staff}"
