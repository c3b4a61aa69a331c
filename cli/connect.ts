/** `mesh connect USER`: a client for the terminal. Beats, shows whom the user sees, takes a status from the keyboard. */
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { WebSocket } from 'ws';
import { systemClock as clock } from '../lib/clock.ts';
import { ConfigError } from '../lib/config.ts';
import { printable } from '../lib/printable.ts';
import { requireUser } from './user-argument.ts';

interface Presence {
  readonly userId: string;
  readonly status: string;
  readonly lastActive?: string;
}

/** The members of a server frame that are shown; docs/protocol.md has them all. */
interface Frame {
  readonly welcome?: { readonly heartbeatInterval: string; readonly chosen?: string };
  readonly snapshot?: { readonly presences?: readonly Presence[]; readonly last?: boolean };
  readonly update?: { readonly presences: readonly Presence[] };
  readonly removed?: { readonly userIds: readonly string[] };
  readonly error?: { readonly message: string };
  readonly goingAway?: { readonly reconnectAfter: string };
}

const CHOICES: Readonly<Record<string, object>> = {
  online: { setStatus: { status: 'STATUS_ONLINE' } },
  away: { setStatus: { status: 'STATUS_AWAY' } },
  busy: { setStatus: { status: 'STATUS_BUSY' } },
  invisible: { setStatus: { status: 'STATUS_INVISIBLE' } },
  auto: { setStatus: {} },
  logout: { logout: {} },
};
const HELP = `type ${Object.keys(CHOICES).join(', ')} or quit`;

export function connectCommand(): Command {
  return new Command('connect')
    .description('be a client: show whom USER sees, set a status by typing it')
    .argument('<user>', 'user id')
    .option('--url <url>', 'the gateway', 'ws://127.0.0.1:8080')
    .option('--token <token>', 'what `mesh token` prints; default dev:USER')
    .action((user: string, { url, token }: { url: string; token?: string }) =>
      connect(gatewayOf(url), token ?? `dev:${requireUser('USER', user)}`),
    );
}

/** Without the slash that a copied address may end with. */
function gatewayOf(url: string): string {
  const isOne = URL.canParse(url) && /^(wss?|https?):$/.test(new URL(url).protocol);
  if (isOne) return url.replace(/\/+$/, '');
  throw new ConfigError([
    `--url: ${JSON.stringify(url)} is no gateway; give ws://HOST:PORT or wss://HOST`,
  ]);
}

/** Resolves when the connection has ended. */
function connect(url: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/v1/ws?access_token=${encodeURIComponent(token)}`);
    const keyboard = createInterface({ input: process.stdin });
    const beating: Beating = { cancel: () => {} };
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Frame;
      if (frame.welcome) beat(socket, frame.welcome.heartbeatInterval, beating);
      for (const line of linesOf(frame)) show(line);
    });
    // What is typed before the connection stands waits in the terminal.
    keyboard.pause();
    let isOpen = false;
    socket.on('open', () => {
      isOpen = true;
      keyboard.resume();
    });
    keyboard.on('line', (line) => obey(socket, line.trim().toLowerCase()));
    socket.on('unexpected-response', (_request, response) => {
      void text(response).then((body) => {
        reject(new Error(`${url}: refused with ${response.statusCode}: ${wordsOf(body)}`));
        socket.terminate();
      });
    });
    socket.on('error', (error) => reject(new Error(`${url}: ${error.message}${hintFor(error)}`)));
    socket.on('close', (code, reason) => {
      beating.cancel();
      keyboard.close();
      if (isOpen) show(`closed: ${code} ${reason.toString()}`);
      resolve();
    });
  });
}

function hintFor(error: NodeJS.ErrnoException): string {
  const isNobodyThere = error.code === 'ECONNREFUSED' || error.code === 'ENOTFOUND';
  return isNobodyThere ? '. Start one with npm start, or name another with --url.' : '';
}

/** The gateway's words; of another server all it said. */
function wordsOf(body: string): string {
  const [, message] = /"message":("(?:[^"\\]|\\.)*")/.exec(body) ?? [];
  return message === undefined ? body : String(JSON.parse(message));
}

interface Beating {
  cancel: () => void;
}

function beat(socket: WebSocket, interval: string, beating: Beating): void {
  beating.cancel();
  const timer = clock.every(parseFloat(interval) * 1000, () => socket.send('{"heartbeat":{}}'));
  beating.cancel = () => timer.cancel();
}

function obey(socket: WebSocket, line: string): void {
  const frame = CHOICES[line];
  if (line === 'quit') socket.close(1000);
  else if (frame) socket.send(JSON.stringify(frame));
  else show(HELP);
}

function linesOf(frame: Frame): readonly string[] {
  if (frame.welcome) return [`connected; ${HELP}`];
  if (frame.error) return [`refused: ${frame.error.message}`];
  if (frame.goingAway) return [`the gateway stops; come back in ${frame.goingAway.reconnectAfter}`];
  if (frame.removed) return frame.removed.userIds.map((userId) => `${userId} is no longer visible`);
  const presences = frame.update?.presences ?? frame.snapshot?.presences;
  return presences?.map(lineOf) ?? (frame.snapshot ? ['nobody to see yet'] : []);
}

function lineOf({ userId, status, lastActive }: Presence): string {
  const since = lastActive ? `, last active ${lastActive.slice(11, 19)} UTC` : '';
  return `${userId} is ${status.replace('STATUS_', '')}${since}`;
}

function show(line: string): void {
  process.stdout.write(
    `${new Date(clock.now()).toISOString().slice(11, 23)}  ${printable(line)}\n`,
  );
}
