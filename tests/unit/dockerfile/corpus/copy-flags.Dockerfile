FROM alpine:3.20 AS tools
FROM scratch
COPY --from=tools --chown=1000:1000 --chmod=0755 /bin/busybox /bin/
COPY --link --parents src/./a/*.txt src/b /dst/
COPY --exclude=*.md --exclude=docs . /app/
COPY ["name with blanks", "/target dir/"]
