# The same commands as in package.json, for those who look here first; and the outside services for development.
.PHONY: install run test test-unit test-integration check services-up services-down

# Another engine: make services-up COMPOSE='podman-compose'
COMPOSE ?= docker compose
WAIT ?= $(if $(findstring docker,$(COMPOSE)),--wait)

install:
	node scripts/bootstrap.js

run:
	npm start

test:
	npm test

test-unit:
	npm run test:unit

test-integration:
	npm run test:integration

check:
	npm run check

services-up:
	$(COMPOSE) -f deploy/compose.dev.yaml up -d $(WAIT)

services-down:
	$(COMPOSE) -f deploy/compose.dev.yaml down -v
