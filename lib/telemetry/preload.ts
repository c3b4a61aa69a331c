/** To be imported before everything else, as bin/mesh.js does; or with `node --import`. */
import { telemetryEnvironment } from './config.ts';
import { startTelemetry } from './start.ts';

/** What a process of ours can be; other commands are over in a moment and have nothing to tell. */
const PARTS = ['up', 'presence', 'graph', 'fanout', 'gateway'];
const part = process.argv[2] ?? '';

if (PARTS.includes(part)) await startTelemetry(telemetryEnvironment, part);
