FROM node:20-slim AS deps
WORKDIR /app
COPY package*.json ./
RUN npm ci --omit=dev
FROM deps AS test
RUN npm test
FROM deps
COPY --from=test /app/report /report
STOPSIGNAL SIGINT
EXPOSE 3000
USER node
CMD ["node", "server.js"]
