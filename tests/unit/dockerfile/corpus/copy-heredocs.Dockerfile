FROM alpine
COPY <<first.conf <<'second.conf' /etc/app/
key = ${VALUE}
first.conf
literal = $VALUE
second.conf
COPY --chmod=755 <<-EOF /usr/local/bin/run
	#!/bin/sh
	exec app
	EOF
ADD <<EOF /etc/motd
hello
EOF
