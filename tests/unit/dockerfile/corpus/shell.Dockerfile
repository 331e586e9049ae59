FROM debian
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN cat /etc/passwd | grep -v root | wc -l > /count
SHELL ["/bin/sh", "-c"]
RUN if [ -f /count ]; then \
      echo "yes; $(( 1 + 2 ))"; \
    fi
