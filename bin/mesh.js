#!/usr/bin/env node
// Telemetry comes first: parts make their instruments when they are made themselves.
await import('../dist/lib/telemetry/preload.js');
await import('../dist/cli/main.js');
