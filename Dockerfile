# One image for every process: Node, and one bundle a process. Plain `docker build .` works. Where npm's registry
# needs settings, put them into .npmrc.build and the authorities it is signed by into .ca.build: both are optional,
# ignored by git, and stay in the build stage.
ARG BASE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc .npmrc.build* .ca.build* ./
# Nothing is compiled, and the scripts of packages have no business in here.
RUN if [ -f .ca.build ]; then export NODE_EXTRA_CA_CERTS=/build/.ca.build; fi && \
    npm ci --userconfig=/build/.npmrc.build --ignore-scripts --no-progress --loglevel=error
COPY scripts/build.ts scripts/
COPY src src
RUN node scripts/build.ts

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="mcpcore" \
      org.opencontainers.image.description="Write-only, encrypted, hot-reloaded secrets for MCP tool servers" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/dist /app
# A number, so that the kubelet can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node"]
CMD ["/app/operator.mjs"]
