# The same commands as in package.json, for those who look here first.
.PHONY: install run test test-unit test-integration check

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
