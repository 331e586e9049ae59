FROM busybox
ENTRYPOINT ["/bin/sh", "-c"]
CMD echo "$HOME" && sleep 1
ENTRYPOINT exec top -b
CMD []
