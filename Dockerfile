# One image for all parts: `docker run presence-mesh gateway`. What is copied here is listed in .dockerignore.
FROM node:20-slim AS build
WORKDIR /mesh
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:20-slim AS dependencies
WORKDIR /mesh
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
# uWebSockets.js brings an addon for every platform and every version of Node: 250 MB, of which one is used.
RUN find node_modules/uWebSockets.js -name 'uws_*.node' \
    ! -name "uws_$(node -p 'process.platform + "_" + process.arch + "_" + process.versions.modules').node" -delete

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /mesh
COPY --from=dependencies /mesh/node_modules node_modules
COPY --from=build /mesh/dist dist
COPY package.json ./
COPY bin bin
USER 1000
ENTRYPOINT ["node", "bin/mesh.js"]
