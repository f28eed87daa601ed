# syntax=docker/dockerfile:1
# The sidecar: compiled, production dependencies only, no root.
#   docker build -t credentialflow .
#   docker run --read-only --cap-drop ALL --ulimit core=0 -v credentialflow:/var/lib/credentialflow credentialflow

FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# The optional dependencies bring a Node for machines whose own is too old; this image has one.
RUN npm ci --omit=optional --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY sidecar ./sidecar
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="CredentialFlow" \
      org.opencontainers.image.description="External-auth sidecar for Apache APISIX: a client's token goes in, the upstream's secret comes out." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# No package manager in an image that holds secrets at run time. The data directory belongs to the one user.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
           /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
 && ln -s /app/bin/credentialflow.js /usr/local/bin/credentialflow \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/credentialflow

WORKDIR /app
COPY package.json ./
COPY bin ./bin
COPY schemas ./schemas
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist

ENV NODE_ENV=production \
    CREDENTIALFLOW_DATA_DIR=/var/lib/credentialflow
VOLUME /var/lib/credentialflow
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
# Documentation only: by default all three listen on the loopback, in the gateway's network namespace.
EXPOSE 9280 9281 9291
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["credentialflow", "health"]
# SIGTERM drains; give it longer than drain_timeout (15 s).
STOPSIGNAL SIGTERM
# One helper thread for V8: each of its usual four would take a processor from the decisions whenever garbage is collected.
# Memory holds secrets: no inspector by signal, no heap snapshots, and no diagnostic reports (the program switches them
# off itself). Core dumps are the kernel's: run with --ulimit core=0.
ENTRYPOINT ["node", "--v8-pool-size=1", "--disable-sigusr1", "--heapsnapshot-near-heap-limit=0", "/app/bin/credentialflow.js"]
CMD ["serve"]
