/** The small rules: limits, what waits for a slow client, how a viewer sees a user, trace context. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Backlog } from '../../gateway/sessions/backlog.ts';
import { MAX_PRESENCES } from '../../gateway/protocol/snapshot-frames.ts';
import { countFrame, verdictOn, type Verdict } from '../../gateway/limits/frame-rate.ts';
import { changeOf } from '../../gateway/protocol/subject-change.ts';
import { ClientTrace, type Received } from '../../gateway/upstreams/client-trace.ts';
import { asSeen } from '../../gateway/upstreams/views.ts';
import { Relation } from '../../gen/graph/v1/graph_service.ts';
import { Mode, Status, type Presence } from '../../gen/presence/v1/presence.ts';
import { createManualClock } from '../support/manual-clock.ts';

const presenceOf = (userId: string, version: bigint): Presence => ({
  userId,
  status: Status.STATUS_ONLINE,
  lastActive: new Date(Number(version)),
  version,
  mode: Mode.MODE_PUSH,
});

describe('the limit on frames', () => {
  const limit = { perSecond: 10, burst: 5 };
  /** Verdicts on frames that come at these times. */
  const verdictsAt = (times: readonly number[]): Verdict[] => {
    let paidUntilMs = 0;
    return times.map((nowMs) => {
      paidUntilMs = countFrame(paidUntilMs, nowMs, limit);
      return verdictOn(paidUntilMs, nowMs, limit);
    });
  };

  test('lets a burst through, then so many a second; who goes on is flooding', () => {
    expect(verdictsAt(Array.from({ length: 11 }, () => 0))).toEqual([
      ...Array.from({ length: 5 }, () => 'ok'),
      ...Array.from({ length: 4 }, () => 'over'),
      'flood',
      'flood',
    ]);
    expect(verdictsAt([0, 0, 0, 0, 0, 99, 100, 10_000])).toEqual([
      ...['ok', 'ok', 'ok', 'ok', 'ok', 'over', 'over', 'ok'],
    ]);
  });

  test('whoever keeps to it is never refused', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 100, max: 1000 })), (pauses) => {
        let nowMs = 0;
        const verdicts = verdictsAt(pauses.map((pauseMs) => (nowMs += pauseMs)));
        expect(verdicts.every((verdict) => verdict === 'ok')).toBe(true);
      }),
    );
  });
});

describe('what waits for a slow client', () => {
  const change = fc.record({
    subject: fc.constantFrom('a', 'b', 'c', 'd'),
    version: fc.option(fc.bigInt({ min: 1n, max: 9n }), { nil: undefined }),
  });

  test('is the newest of each subject, and each once', () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const backlog = new Backlog();
        const expected = new Map<string, bigint | undefined>();
        for (const { subject, version } of changes) {
          backlog.put(changeOf(subject, version ? presenceOf(subject, version) : undefined));
          const known = expected.get(subject);
          if (known && version && known > version) continue;
          expected.set(subject, version);
        }
        const taken = new Map<string, bigint | undefined>();
        for (const message of backlog.take()) {
          if (message.$case === 'update') {
            for (const { userId, version } of message.value.presences) taken.set(userId, version);
          }
          if (message.$case === 'removed') {
            for (const userId of message.value.userIds) taken.set(userId, undefined);
          }
        }
        expect(taken).toEqual(expected);
        expect(backlog.size).toBe(0);
      }),
    );
  });

  test('is taken in frames of no more than so many', () => {
    const backlog = new Backlog();
    for (let i = 0; i <= MAX_PRESENCES; i++)
      backlog.put(changeOf(`u${i}`, presenceOf(`u${i}`, 1n)));
    const [first] = backlog.take();
    expect(first?.$case === 'update' && first.value.presences).toHaveLength(MAX_PRESENCES);
    expect(backlog.size).toBe(1);
  });
});

describe('how a viewer sees a user', () => {
  const contact = { userId: 'bob', relation: Relation.RELATION_FRIEND, mode: Mode.MODE_PUSH };
  const presence = { ...presenceOf('bob', 9n), mode: Mode.MODE_UNSPECIFIED };
  const sighting = { presence, floor: 0n, forgottenBelow: 0n };

  test('as they are, with the contact’s mode', () => {
    expect(asSeen({ ...contact, hidden: false, frozen: undefined }, sighting)).toEqual(
      presenceOf('bob', 9n),
    );
  });

  test('hidden: offline, with what was last shown', () => {
    const frozen = { lastActive: new Date(3), version: 4n };
    expect(asSeen({ ...contact, hidden: true, frozen }, sighting)).toEqual({
      ...presenceOf('bob', 4n),
      lastActive: new Date(3),
      status: Status.STATUS_OFFLINE,
    });
    expect(asSeen({ ...contact, hidden: true, frozen: undefined }, sighting)).toEqual({
      ...presenceOf('bob', 9n),
      status: Status.STATUS_OFFLINE,
    });
  });

  test.each([
    ['the floor has not reached that', 3n, 0n, 4n, new Date(3)],
    ['the floor has risen above it', 7n, 4n, 7n, new Date(3)],
    ['it is forgotten', 7n, 5n, 7n, undefined],
  ])('hidden, and %s: as one who left then', (_, floor, forgottenBelow, version, lastActive) => {
    const frozen = { lastActive: new Date(3), version: 4n };
    expect(
      asSeen({ ...contact, hidden: true, frozen }, { presence, floor, forgottenBelow }),
    ).toMatchObject({ status: Status.STATUS_OFFLINE, version, lastActive });
  });
});

describe('trace context', () => {
  const clock = createManualClock();
  const given = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  const session = { userId: 'alice', sessionId: 's1' };
  const settingsOf = (received: Received) => received.tell((settings) => Promise.resolve(settings));

  test('is the client’s when it brought one, else begun for each act, unsampled', async () => {
    const traced = new ClientTrace({ session, brought: given, clock });
    expect(await settingsOf(traced.receive('open'))).toMatchObject({ traceparent: given });
    const untraced = new ClientTrace({ session, brought: '', clock });
    const first = await settingsOf(untraced.receive('open'));
    const second = await settingsOf(untraced.receive('choose'));
    expect(first.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(second.traceparent).not.toBe(first.traceparent);
  });

  test('comes with the age of what was done', async () => {
    const received = new ClientTrace({ session, brought: '', clock }).receive('choose');
    clock.advance(40);
    expect(await settingsOf(received)).toMatchObject({ headers: { 'cause-age-ms': '40' } });
  });

  test('an act that presence refuses is refused', async () => {
    const received = new ClientTrace({ session, brought: '', clock }).receive('choose');
    await expect(received.tell(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
