FROM busybox
EXPOSE 80 443/tcp 53/udp
EXPOSE 7000-7010 $PORT
VOLUME /data /logs
VOLUME ["/one two", "/three"]
