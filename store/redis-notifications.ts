/**
 * Adapter: requests in Redis. A request is with its subject, in one hash in the subject's shard: that is the truth. An
 * index with its viewer, in the viewer's shard, is written before it and mended after it, so that it names all of the
 * viewer's requests and for a while some that have ended.
 */
import { createHash } from 'node:crypto';
import type { Argument, Script, Send } from '../lib/redis/scripts.ts';
import { checkBatch } from './checks.ts';
import type { ShardKeys } from './keys.ts';
import type {
  Ask,
  NotificationLimits,
  NotificationRequest,
  NotificationStore,
} from './notification-store.ts';
import type { readScripts } from './redis-scripts.ts';

export interface RedisNotificationsOptions {
  readonly scripts: ReturnType<typeof readScripts>;
  readonly run: <Reply>(
    script: Script<Reply>,
    call: { readonly keys: readonly string[]; readonly args: readonly Argument[] },
  ) => Promise<Reply>;
  readonly send: Send;
  readonly keysFor: (userId: string) => ShardKeys;
  readonly limits: NotificationLimits;
}

/** Requests a read. */
const PAGE = 100;
/** An index entry is older than any call that is about to write its request, ms. */
const SETTLED_MS = 10_000;

export function createRedisNotifications(options: RedisNotificationsOptions): NotificationStore {
  const { scripts, run, keysFor, limits } = options;

  const claimFields = async (subjectUserId: string, fields: readonly string[]) => {
    const { state, awaiting } = keysFor(subjectUserId);
    return run(scripts.claim, {
      keys: [state(subjectUserId), awaiting(subjectUserId)],
      args: fields,
    });
  };
  const note = (viewerUserId: string, member: string): Promise<number> =>
    run(scripts.noteAsked, {
      keys: [keysFor(viewerUserId).asked(viewerUserId)],
      args: [member, limits.aViewer, limits.ttlMs],
    });
  const forget = async (viewerUserId: string, members: readonly string[]): Promise<void> => {
    if (members.length === 0) return;
    await options.send('zrem', [keysFor(viewerUserId).asked(viewerUserId), ...members]);
  };
  const index = async (viewerUserId: string) => {
    const [nowMs, flat] = await run(scripts.listAsked, {
      keys: [keysFor(viewerUserId).asked(viewerUserId)],
      args: [limits.ttlMs],
    });
    return { nowMs, noted: notedOf(flat) };
  };
  const listOf = async (viewerUserId: string): Promise<readonly NotificationRequest[]> => {
    const { nowMs, noted } = await index(viewerUserId);
    const found = await Promise.all(noted.map((one) => read(options, viewerUserId, one)));
    const ended = noted.filter((one, i) => !found[i] && one.atMs < nowMs - SETTLED_MS);
    await forget(viewerUserId, ended.map(memberOf));
    return found.filter((request) => request !== undefined);
  };

  return {
    async ask({ subjectUserId, viewerUserId, subscription, whileHere }: Ask) {
      const hash = hashOf(subscription.endpoint);
      const member = memberOf({ subjectUserId, hash });
      if ((await note(viewerUserId, member)) === 0) {
        await listOf(viewerUserId);
        if ((await note(viewerUserId, member)) === 0) return 'VIEWER_FULL';
      }
      const { state, awaiting } = keysFor(subjectUserId);
      const { p256dh, auth, endpoint } = subscription;
      return run(scripts.ask, {
        keys: [state(subjectUserId), awaiting(subjectUserId)],
        args: [
          ...[fieldOf(viewerUserId, hash), [p256dh, auth, endpoint].join('|')],
          ...[whileHere ? 1 : 0, limits.aSubject, limits.ttlMs],
        ],
      });
    },
    async cancel({ subjectUserId, viewerUserId, endpoint }) {
      const { noted } = await index(viewerUserId);
      const cancelled = noted.filter(
        (one) =>
          one.subjectUserId === subjectUserId &&
          (endpoint === undefined || one.hash === hashOf(endpoint)),
      );
      const fields = cancelled.map(({ hash }) => fieldOf(viewerUserId, hash));
      const claimed = await claimFields(subjectUserId, fields);
      await forget(viewerUserId, cancelled.map(memberOf));
      return claimed.length;
    },
    listOf,
    async awaiting(subjectUserId, from = '0') {
      const { state, awaiting } = keysFor(subjectUserId);
      const [cursor, flat] = await run(scripts.awaiting, {
        keys: [state(subjectUserId), awaiting(subjectUserId)],
        args: [from, PAGE, limits.ttlMs],
      });
      return {
        requests: pairs(flat).map(([field, record]) =>
          requestOf(subjectUserId, field.slice(0, field.indexOf(' ')), record),
        ),
        next: cursor === '0' ? undefined : cursor,
      };
    },
    async claim(subjectUserId, requests) {
      checkBatch('requests', requests);
      const byField = new Map(
        requests.map((one) => [fieldOf(one.viewerUserId, hashOf(one.subscription.endpoint)), one]),
      );
      const claimed = await claimFields(subjectUserId, [...byField.keys()]);
      return claimed.flatMap((field) => byField.get(field) ?? []);
    },
    async mayPush(viewerUserId) {
      const key = keysFor(viewerUserId).pushes(viewerUserId);
      const args = [limits.pushes, limits.windowMs];
      return (await run(scripts.mayPush, { keys: [key], args })) === 1;
    },
  };
}

interface Noted {
  readonly subjectUserId: string;
  readonly hash: string;
  readonly atMs: number;
}

/** Undefined: it has ended, or is not written yet. */
async function read(
  { send, keysFor }: RedisNotificationsOptions,
  viewerUserId: string,
  { subjectUserId, hash }: Noted,
): Promise<NotificationRequest | undefined> {
  const key = keysFor(subjectUserId).awaiting(subjectUserId);
  const record = (await send('hget', [key, fieldOf(viewerUserId, hash)])) as string | null;
  return record === null ? undefined : requestOf(subjectUserId, viewerUserId, record);
}

/** An endpoint may be a thousand bytes long, and is a secret: names of fields have its hash. */
const hashOf = (endpoint: string): string =>
  createHash('sha256').update(endpoint).digest('base64url').slice(0, 22);

/** No user id has a space. */
const fieldOf = (viewerUserId: string, hash: string): string => `${viewerUserId} ${hash}`;
const memberOf = ({ subjectUserId, hash }: Pick<Noted, 'subjectUserId' | 'hash'>): string =>
  `${subjectUserId} ${hash}`;

function notedOf(flat: readonly string[]): Noted[] {
  return pairs(flat).map(([member, atMs]) => {
    const [subjectUserId = '', hash = ''] = member.split(' ');
    return { subjectUserId, hash, atMs: Number(atMs) };
  });
}

/** `askedAt|p256dh|auth|endpoint`; only the last may contain the separator. */
function requestOf(
  subjectUserId: string,
  viewerUserId: string,
  record: string,
): NotificationRequest {
  const [askedAtMs, p256dh = '', auth = '', ...endpoint] = record.split('|');
  const subscription = { endpoint: endpoint.join('|'), p256dh, auth };
  return { subjectUserId, viewerUserId, subscription, askedAtMs: Number(askedAtMs) };
}

function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [
    flat[2 * i] ?? '',
    flat[2 * i + 1] ?? '',
  ]);
}
