/** Follows WatchPresence for as long as it may, and keeps a table of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { Mode, type Presence } from '../../gen/presence/v1/presence.ts';
import type {
  GetPresenceResponse,
  PresenceServiceClient,
  WatchPresenceResponse,
} from '../../gen/presence/v1/presence_service.ts';
import type { Transition } from '../../gen/presence/v1/transition.ts';
import type { LastSeen } from './last-seen.ts';

export interface ConsumerOptions {
  readonly client: PresenceServiceClient;
  readonly table: LastSeen;
  /** Where to go on; empty for anew. */
  readonly cursor: string;
  readonly signal: AbortSignal;
  /** The table now has this. */
  readonly onChange: (presence: Presence) => void;
  /** All up to this cursor is in the table. */
  readonly onCursor: (cursor: string) => void;
  readonly onProblem: (words: string) => void;
}

const BACKOFF = { baseMs: 100, maxMs: 5000 };
const LOOK_UP_TIMEOUT_MS = 5000;

/** Resolves when the signal says so; rejects when trying again would not help. */
export async function consume(options: ConsumerOptions): Promise<void> {
  const { signal } = options;
  const consumer = createConsumer(options);
  for (let attempt = 0; !signal.aborted; attempt++) {
    const hasFollowed = await consumer.follow();
    if (hasFollowed) attempt = 0;
    await sleep(backoffMs(attempt), undefined, { signal }).catch(() => undefined);
  }
}

function createConsumer({ client, table, signal, ...options }: ConsumerOptions) {
  let { cursor } = options;
  const apply = (presence: Presence): void => {
    if (table.apply(presence)) options.onChange(presence);
  };
  const lookUp = async (userIds: readonly string[]): Promise<void> => {
    if (userIds.length === 0) return;
    const { presences, holdRemaining } = await getPresence(client, userIds);
    presences.forEach(apply);
    const holdMs = millisecondsOf(holdRemaining);
    if (holdMs === 0) return;
    // Redis may have lost data a moment ago: what it says is complete only after the hold.
    await sleep(holdMs, undefined, { signal });
    await lookUp(userIds);
  };
  const take = async (response: WatchPresenceResponse): Promise<void> => {
    const { transition, fence, cursor: next } = response;
    if (transition) apply(presenceOf(transition));
    // Redis may have lost changes that nobody can announce any more.
    else if (fence) await lookUp(fence.userIds);
    // The first response says where the stream begins. Only now: what changes from here on, it will bring. Later ones
    // like it have only a newer cursor, while the users are quiet; by then nobody is unknown.
    else await lookUp(cursor === '' ? table.userIds : table.unknown());
    cursor = next;
    options.onCursor(cursor);
  };
  return {
    /** Follows until the stream ends. False when it never began. */
    async follow(): Promise<boolean> {
      let hasBegun = false;
      const call = client.watchPresence({ userIds: [...table.userIds], cursor });
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel);
      try {
        for await (const response of call as AsyncIterable<WatchPresenceResponse>) {
          await take(response);
          hasBegun = true;
        }
      } catch (error) {
        if (!signal.aborted) cursor = cursorAfter(error, cursor, options.onProblem);
      } finally {
        signal.removeEventListener('abort', cancel);
        call.cancel();
      }
      return hasBegun;
    },
  };
}

/** Where to go on after a failure; throws what trying again would not mend. */
function cursorAfter(error: unknown, cursor: string, onProblem: (words: string) => void): string {
  const { code, details = String(error) } = error as Partial<ServiceError>;
  switch (code) {
    case status.OUT_OF_RANGE:
      onProblem(`was away for longer than Kafka keeps changes; beginning anew (${details})`);
      return '';
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.INTERNAL:
      onProblem(`trying again: ${details}`);
      return cursor;
    default:
      throw new Error(details, { cause: error });
  }
}

function getPresence(
  client: PresenceServiceClient,
  userIds: readonly string[],
): Promise<GetPresenceResponse> {
  const request = { userIds: [...userIds] };
  const deadline = Date.now() + LOOK_UP_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    client.getPresence(request, new Metadata(), { deadline }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}

function millisecondsOf(duration: GetPresenceResponse['holdRemaining']): number {
  return duration ? Number(duration.seconds) * 1000 + duration.nanos / 1_000_000 : 0;
}

function presenceOf({ userId, status, lastActive, version }: Transition): Presence {
  return { userId, status, lastActive, version, mode: Mode.MODE_UNSPECIFIED };
}

const backoffMs = (attempt: number): number =>
  Math.min(BACKOFF.maxMs, BACKOFF.baseMs * 2 ** attempt) * (0.5 + Math.random() / 2);
