ARG REF=example.org/team/app:1.2.3
FROM ${REF:?unset}
ENV A=${REF:-x} B=${REF-x} C=${REF:+x} D=${REF+x}
ENV TAG=${REF##*:} NAME=${REF%:*} DIR=${REF%%/*} TAIL=${REF#*/}
WORKDIR /opt/${A:-${B:-none}}
