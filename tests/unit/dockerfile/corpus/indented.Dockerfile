   # indented comment
  FROM alpine
    RUN true
	USER nobody
