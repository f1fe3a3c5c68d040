# One image for every process of Holdfast; the command says which: api, worker, coordinator, migrate up, …
#
#   docker build -t holdfast .
#   docker build -t holdfast --build-arg NODE_VERSION=24 .
#
# scripts/check-image-steps.sh runs the same steps without Docker and measures what they leave.
ARG NODE_VERSION=20
ARG ALPINE_VERSION=3.22

FROM node:${NODE_VERSION}-alpine AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package needs a script of its own to be installed, so none may run one.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=optional --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:${NODE_VERSION}-alpine AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# Maps and type declarations, which nothing reads at run time: 22 MB.
RUN find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

# Alpine and the node binary alone, not the node image: npm and yarn have no use here. 11 MB of Alpine with libstdc++ and
# tini, 99 MB of node, 59 MB of Holdfast: 169 MB. On bookworm-slim the base alone would take 200.
FROM alpine:${ALPINE_VERSION}
LABEL org.opencontainers.image.title=Holdfast org.opencontainers.image.licenses=MIT
RUN apk add --no-cache libstdc++ tini \
    && addgroup -g 1000 holdfast \
    && adduser -u 1000 -G holdfast -D -H -h /app holdfast
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY migrations migrations
COPY scripts/healthcheck.mjs scripts/healthcheck.mjs
RUN ln -s /app/dist/cli/main.js /usr/local/bin/holdfast

# Loopback in a container is reached by nobody. With all addresses the API asks for keys (API_AUTH).
ENV NODE_ENV=production \
    API_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0
# By number, so that Kubernetes can tell that it is not root.
USER 1000:1000
EXPOSE 3000 9090
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["node", "scripts/healthcheck.mjs"]
# tini as process 1 hands on SIGTERM and buries orphans.
ENTRYPOINT ["/sbin/tini", "--", "holdfast"]
CMD ["--help"]
