FROM debian
RUN <<EOF
set -e
# not a comment of the Dockerfile
apt-get update
FROM nothing
EOF
RUN <<-"END"
	echo $HOME
	END
RUN python3 <<'PY' && cat <<TXT > /out
print("$x")
PY
text
TXT
RUN <<EOF bash -ex
true
EOF
