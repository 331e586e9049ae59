# Grüße
FROM alpine
LABEL autor="Jürgen Müller" 説明=値
RUN echo "日本語 \
  – Gedankenstrich"
ENV ÄPFEL=rot
