"""The network of RUN: namespaces, names, interception, recording and replaying, trust."""
