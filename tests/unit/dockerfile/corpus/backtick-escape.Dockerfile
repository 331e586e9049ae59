# escape=`
# syntax=docker/dockerfile:1

FROM example.org/windows/server:ltsc
SHELL ["powershell", "-Command"]
RUN dir C:\ ; `
    echo done
WORKDIR C:\app
