FROM debian
RUN --mount=type=secret,id=token,target=/run/token,required=true cat /run/token
RUN --mount=type=ssh,id=default git clone git@git.example.org:app.git
RUN --mount=type=bind,from=alpine,source=/etc,target=/alpine,rw --mount=type=tmpfs,target=/tmp,size=64m true
RUN --mount=type=cache,id=apt,target=/var/cache/apt,sharing=locked,mode=0755,uid=0 apt-get update
