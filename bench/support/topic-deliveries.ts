/** Counts what fanout writes to gateways, as any consumer of their topics could. */
import { GatewayRecord, type Delivery } from '../../gen/fanout/v1/messages.ts';
import type { Clock } from '../../lib/clock.ts';
import { createKafkaBus } from '../../lib/kafka/kafka-bus.ts';
import { createDisposer } from '../../lib/lifecycle.ts';

const PREFIX = 'presence-updates.';

export interface DeliveryCount extends AsyncDisposable {
  /** Messages about the subject so far, and recipients in them other than the friend. */
  of(subject: string, friend: string): { readonly messages: number; readonly strangers: number };
}

/** Of all gateways there are now, from now on. */
export async function countDeliveries(brokers: string, clock: Clock): Promise<DeliveryCount> {
  const disposer = createDisposer();
  const bus = disposer.add(
    createKafkaBus({ brokers: brokers.split(','), clientId: 'bench', clock }),
  );
  const bySubject = new Map<string, string[][]>();
  const count = ({ change, recipientUserIds }: Delivery): void => {
    if (change?.$case !== 'update') return;
    const { userId } = change.value;
    const messages = bySubject.get(userId);
    if (messages) messages.push(recipientUserIds);
    else bySubject.set(userId, [recipientUserIds]);
  };
  for (const topic of await bus.listTopics(PREFIX)) {
    const reader = await bus.read(topic, {
      from: 'latest',
      onRecord: ({ value }) => {
        const { payload } = GatewayRecord.decode(value);
        if (payload?.$case === 'delivery') count(payload.value);
      },
      onCrash: (error) => {
        throw error;
      },
    });
    disposer.add(reader);
  }
  return {
    of(subject, friend) {
      const messages = bySubject.get(subject) ?? [];
      const recipients = messages.flat();
      return {
        messages: messages.length,
        strangers: recipients.filter((userId) => userId !== friend).length,
      };
    },
    [Symbol.asyncDispose]: () => disposer[Symbol.asyncDispose](),
  };
}
